defmodule Mix.Tasks.Compile.RtpxNif do
  @moduledoc false
  use Mix.Task.Compiler

  # Compiles c_src/rtpx_nif.c against librtpx: where pkg-config finds rtpx.pc, or with RTPX_CFLAGS and RTPX_LIBS.
  @source "c_src/rtpx_nif.c"

  @impl true
  def run(_args) do
    priv = Path.join(Mix.Project.app_path(), "priv")
    library = Path.join(priv, "rtpx_nif.so")
    File.mkdir_p!(priv)

    if Mix.Utils.stale?([@source, "mix.exs"], [library]) do
      include = Path.join([to_string(:code.root_dir()), "usr", "include"])

      [compiler | wanted] = OptionParser.split(System.get_env("CC") || "cc")

      arguments =
        wanted ++ ["-std=gnu11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-I", include] ++
          flags("RTPX_CFLAGS", "--cflags") ++ ["-o", library, @source] ++ flags("RTPX_LIBS", "--libs")

      case System.cmd(compiler, arguments, stderr_to_stdout: true) do
        {_output, 0} -> {:ok, []}
        {output, _status} -> Mix.raise("#{@source} did not compile:\n#{output}")
      end
    else
      {:noop, []}
    end
  end

  defp flags(variable, option) do
    case System.get_env(variable) do
      nil ->
        case System.cmd("pkg-config", [option, "rtpx"], stderr_to_stdout: true) do
          {output, 0} -> OptionParser.split(output)
          {output, _status} -> Mix.raise("librtpx is not installed (or set RTPX_CFLAGS and RTPX_LIBS): #{output}")
        end

      set ->
        OptionParser.split(set)
    end
  end
end

defmodule ExWebRTC.Recorder.MixProject do
  use Mix.Project

  def project do
    [
      app: :ex_webrtc_recorder,
      version: "0.4.0",
      elixir: "~> 1.14",
      compilers: [:rtpx_nif] ++ Mix.compilers(),
      start_permanent: Mix.env() == :prod,
      description: "ExWebRTC.Recorder on librtpx",
      # None: ex_webrtc, ex_rtp and ex_sdp are used where the application has them.
      deps: []
    ]
  end

  def application do
    [mod: {ExWebRTC.Recorder.App, []}, extra_applications: [:logger]]
  end
end
