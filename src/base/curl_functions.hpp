#pragma once

#include <curl/curl.h>

#include "base/loaded_library.hpp"

/// libcurl's functions that are used, by their own names.
namespace rtpx {

inline constinit LoadedLibrary libcurl{"libcurl.so.4"};
RTPX_LOADED(libcurl, curl_easy_cleanup);
RTPX_LOADED(libcurl, curl_easy_getinfo);
RTPX_LOADED(libcurl, curl_easy_init);
RTPX_LOADED(libcurl, curl_easy_pause);
RTPX_LOADED(libcurl, curl_easy_perform);
RTPX_LOADED(libcurl, curl_easy_setopt);
RTPX_LOADED(libcurl, curl_easy_strerror);
RTPX_LOADED(libcurl, curl_free);
RTPX_LOADED(libcurl, curl_getdate);
RTPX_LOADED(libcurl, curl_global_init);
RTPX_LOADED(libcurl, curl_multi_add_handle);
RTPX_LOADED(libcurl, curl_multi_cleanup);
RTPX_LOADED(libcurl, curl_multi_info_read);
RTPX_LOADED(libcurl, curl_multi_init);
RTPX_LOADED(libcurl, curl_multi_perform);
RTPX_LOADED(libcurl, curl_multi_poll);
RTPX_LOADED(libcurl, curl_multi_remove_handle);
RTPX_LOADED(libcurl, curl_multi_wakeup);
RTPX_LOADED(libcurl, curl_slist_append);
RTPX_LOADED(libcurl, curl_slist_free_all);
RTPX_LOADED(libcurl, curl_url);
RTPX_LOADED(libcurl, curl_url_cleanup);
RTPX_LOADED(libcurl, curl_url_get);
RTPX_LOADED(libcurl, curl_url_set);

}  // namespace rtpx
