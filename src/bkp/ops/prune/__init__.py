"""Free what no snapshot needs: find out what is used, plan, mark, repack, delete."""
