#include "notes.hpp"

#include <cstdio>

#include "text.hpp"

namespace rtpx::cli {

void print_notes(const char* command, const std::vector<ConvertNote>& notes) {
  for (const ConvertNote& note : notes) {
    const char* severity = note.severity == ConvertNote::Severity::loss      ? "lost: "
                           : note.severity == ConvertNote::Severity::skipped ? "skipped: "
                                                                             : "";
    std::fprintf(stderr, "rtpx %s: %s%s\n", command, severity, printable(note.message).c_str());
  }
}

}  // namespace rtpx::cli
