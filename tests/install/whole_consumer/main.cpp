// A program that converts recordings, from S3 if need be. usage: consumer RECORDING OUTPUT-FOLDER
#include <cstdio>

#include "rtpx/converter.hpp"
#include "rtpx/s3.hpp"

int main(int, char** argv) {
  const auto url = rtpx::parse_s3_url("s3://calls/2026/manifest.json");
  if (!url || url->bucket != "calls") return 1;

  rtpx::ConvertOptions options;
  options.output_path = argv[2];
  const auto result = rtpx::convert(argv[1], options);
  if (!result) return std::fprintf(stderr, "%s\n", result.error().message.c_str()), 1;
  std::printf("%s\n", rtpx::serialize_result(*result).c_str());
  return result->files.size() == 1 ? 0 : 1;
}
