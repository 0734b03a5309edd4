// The contexts live in memory that the caller gives: those functions are not in every libzstd's stable part.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
