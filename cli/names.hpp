#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace rtpx::cli {

/// What an option takes one of, by name in any case; help does not list it: the option's type name says "one|other".
template <typename Enum>
CLI::Validator names(std::vector<std::pair<std::string, Enum>> mapping) {
  return CLI::Validator(
      [mapping = std::move(mapping)](std::string& text) {
        std::string known;
        for (const auto& [name, value] : mapping) {
          if (CLI::detail::to_lower(text) == name) {
            text = std::to_string(static_cast<int>(value));
            return std::string();
          }
          known += (known.empty() ? "" : ", ") + name;
        }
        return "\"" + text + "\" is none of " + known;
      },
      "");
}

}  // namespace rtpx::cli
