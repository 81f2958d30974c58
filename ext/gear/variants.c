#include "gear/searches.h"

static int everywhere(void)
{
    return 1;
}

const bkp_gear_variant bkp_gear_variants[] = {
    {"plain", bkp_gear_find_plain, everywhere},
    {"strips", bkp_gear_find_strips, everywhere},
    {0},
};
