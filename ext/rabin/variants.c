#include "rabin/searches.h"

static int everywhere(void)
{
    return 1;
}

#ifdef BKP_RABIN_X86
/* These ask the processor once a process, and whether the system saves its registers. */
static int has_ssse3(void)
{
    return __builtin_cpu_supports("ssse3");
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static int has_gfni(void)
{
    return has_avx2() && __builtin_cpu_supports("gfni");
}

static int has_gfni512(void)
{
    return has_gfni() && __builtin_cpu_supports("avx512bw");
}
#endif

const bkp_rabin_variant bkp_rabin_variants[] = {
    {"plain", bkp_rabin_find_plain, everywhere},
    {"strips", bkp_rabin_find_strips, everywhere},
#ifdef BKP_RABIN_X86
    {"ssse3", bkp_rabin_find_ssse3, has_ssse3},
    {"avx2", bkp_rabin_find_avx2, has_avx2},
    {"gfni", bkp_rabin_find_gfni, has_gfni},
    {"gfni512", bkp_rabin_find_gfni512, has_gfni512},
#endif
    {0},
};
