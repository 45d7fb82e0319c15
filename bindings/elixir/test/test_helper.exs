defmodule RealPackages do
  # Only the modules that a recorder meets: the rest of ex_webrtc needs more packages.
  @files ~w(ex_rtp/lib/ex_rtp/packet/extension.ex ex_rtp/lib/ex_rtp/packet.ex
            ex_webrtc/lib/ex_webrtc/rtp_codec_parameters.ex)

  def load(folder) do
    Code.compiler_options(ignore_module_conflict: true)
    for file <- @files, do: Code.compile_file(Path.join(folder, file))
    IO.puts("tests use the packages in #{folder}")
  end
end

Code.require_file("stand_ins.exs", __DIR__)
if folder = System.get_env("RTPX_ELIXIR_DEPS"), do: RealPackages.load(folder)

needed = if System.get_env("RTPX_REQUIRE_CAPTURES"), do: [], else: [:golden]
exclude = if System.get_env("RTPX_CAPTURES"), do: [], else: needed
exclude = if System.get_env("RTPX_S3_STUB"), do: exclude, else: [:s3 | exclude]
ExUnit.start(exclude: exclude, capture_log: true)
