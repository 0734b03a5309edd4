#pragma once
#include <curl/curl.h>
#include <stdint.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one plain function
// for each type of argument.

static inline CURLcode ccurl_set_number(CURL *curl, CURLoption option, long value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode ccurl_set_size(CURL *curl, CURLoption option, int64_t value) {
  return curl_easy_setopt(curl, option, (curl_off_t)value);
}

// libcurl copies the text, save for CURLOPT_POSTFIELDS.
static inline CURLcode ccurl_set_text(CURL *curl, CURLoption option, const char *text) {
  return curl_easy_setopt(curl, option, text);
}

static inline CURLcode ccurl_set_pointer(CURL *curl, CURLoption option, void *pointer) {
  return curl_easy_setopt(curl, option, pointer);
}

static inline CURLcode ccurl_set_headers(CURL *curl, struct curl_slist *list) {
  return curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
}

static inline CURLcode ccurl_set_write(
    CURL *curl, size_t (*write)(char *bytes, size_t size, size_t count, void *context)) {
  return curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write);
}

static inline CURLcode ccurl_set_progress(
    CURL *curl,
    int (*progress)(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                    curl_off_t up)) {
  return curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
}

static inline long ccurl_number(CURL *curl, CURLINFO which) {
  long value = 0;
  return curl_easy_getinfo(curl, which, &value) == CURLE_OK ? value : 0;
}

static inline const char *ccurl_text(CURL *curl, CURLINFO which) {
  char *value = NULL;
  return curl_easy_getinfo(curl, which, &value) == CURLE_OK ? value : NULL;
}
