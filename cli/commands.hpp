#pragma once

#include "program.hpp"

namespace CLI {
class App;
}

/// Each subcommand is one file with one of these functions: it adds itself to the parser, and its callback
/// runs the work and sets Program::exit_code. A new one is declared here and listed in main.cpp.
namespace rtpx::cli {

void add_convert(CLI::App& app, Program& program);
void add_download(CLI::App& app, Program& program);
void add_export(CLI::App& app, Program& program);
void add_import(CLI::App& app, Program& program);
void add_inspect(CLI::App& app, Program& program);
void add_list(CLI::App& app, Program& program);
void add_record(CLI::App& app, Program& program);
void add_recover(CLI::App& app, Program& program);
void add_report(CLI::App& app, Program& program);
void add_serve(CLI::App& app, Program& program);
void add_upload(CLI::App& app, Program& program);
void add_verify(CLI::App& app, Program& program);

}  // namespace rtpx::cli
