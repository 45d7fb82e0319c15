#pragma once

#include "program.hpp"

namespace CLI {
class App;
}

/// Each subcommand is one file with one of these functions: it adds itself to the parser, and its callback
/// runs the work and sets Program::exit_code. A new one is declared here and listed in main.cpp.
namespace rtpx::cli {

/// Of --allow-outside, where a command has it.
inline constexpr const char* kAllowOutsideHelp =
    "Read what the manifest names outside of the recording's folder, and through links";

void add_compose(CLI::App& app, Program& program);
void add_convert(CLI::App& app, Program& program);
void add_download(CLI::App& app, Program& program);
void add_export(CLI::App& app, Program& program);
void add_fleet(CLI::App& app, Program& program);
void add_frame(CLI::App& app, Program& program);
void add_import(CLI::App& app, Program& program);
void add_index(CLI::App& app, Program& program);
void add_inspect(CLI::App& app, Program& program);
void add_keygen(CLI::App& app, Program& program);
void add_list(CLI::App& app, Program& program);
void add_open(CLI::App& app, Program& program);
void add_package(CLI::App& app, Program& program);
void add_record(CLI::App& app, Program& program);
void add_recover(CLI::App& app, Program& program);
void add_report(CLI::App& app, Program& program);
void add_rewrap(CLI::App& app, Program& program);
void add_serve(CLI::App& app, Program& program);
void add_upload(CLI::App& app, Program& program);
void add_verify(CLI::App& app, Program& program);
void add_worker(CLI::App& app, Program& program);

}  // namespace rtpx::cli
