// One download with libcurl. Internal to data/fetch.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace lw {

struct DownloadLimits {
  std::string protocols;      ///< "https"
  int64_t bytes = 0;          ///< the content may have
  int64_t stall_seconds = 0;  ///< without data, or until a connection
};

/// Appends to `content` what the URL holds from byte content.size() on; a server that cannot
/// continue there sends it whole, and replaces the content. Returns what went wrong, or an empty
/// text; what was received before stays in `content`. What `poll`, called about once a second,
/// throws is rethrown.
std::string download(const std::string& url, const DownloadLimits& limits,
                     const std::function<void()>& poll, std::string& content);

}  // namespace lw
