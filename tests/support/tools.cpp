#include "support/tools.hpp"

namespace rtpx::test {

bool run(const TempDir& folder, const std::string& command) {
  const std::string line =
      "cd '" + folder.path().string() + "' && (" + command + ") >log.txt 2>&1 </dev/null";
  if (std::system(line.c_str()) == 0) return true;
  ADD_FAILURE() << command << "\n" << read_file(folder / "log.txt");
  return false;
}

}  // namespace rtpx::test
