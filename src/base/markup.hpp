#pragma once

#include <string>
#include <string_view>

namespace rtpx {

/// Text as it stands in XML or HTML, in attributes too; control characters become question marks.
[[nodiscard]] std::string escape_markup(std::string_view text);

}  // namespace rtpx
