/* The variants of the search, for the files that call or list them. */
#ifndef BKP_GEAR_SEARCHES_H
#define BKP_GEAR_SEARCHES_H

#include "gear/gear.h"

bkp_gear_search bkp_gear_find_plain;
bkp_gear_search bkp_gear_find_strips;

#endif
