"""The command line: argv, the environment, the terminal, exit codes."""
