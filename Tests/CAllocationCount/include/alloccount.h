#pragma once
#include <stdint.h>
int alloc_count_enabled(void);
uint64_t alloc_count_thread(void);
uint64_t alloc_count_total(void);
