defmodule ExWebRTC.Recorder.S3 do
  @moduledoc """
  Recorder and Converter store into and fetch from S3 by themselves, through librtpx: `ex_aws` and an HTTP client are not
  needed. Its options are understood, from the arguments and from the application's configuration of `:ex_aws`; what is not
  set there comes from the environment and the shared files as the AWS command line has it.
  """

  @typedoc "`:access_key_id`, `:secret_access_key`, `:security_token`, `:scheme`, `:host`, `:port`, `:region`"
  @type override_option :: {atom(), term()}
  @type override_config :: [override_option()]

  @typedoc """
  * `:bucket_name` - required
  * `:base_path` - prefix of the keys; `""` by default
  * `:upload_manifest` - `true` by default
  """
  @type upload_option :: {:bucket_name, String.t()} | {:base_path, String.t()} | {:upload_manifest, boolean()}
  @type upload_config :: [upload_option() | override_option()]

  @typedoc "Names an upload."
  @opaque upload_task_ref :: reference()

  @doc false
  def native_upload_config(nil), do: nil

  def native_upload_config(config) do
    upload_manifest = if Keyword.get(config, :upload_manifest, true), do: 1, else: 0

    config
    |> native_config()
    |> Map.merge(%{
      bucket_name: Keyword.fetch!(config, :bucket_name),
      base_path: Keyword.get(config, :base_path, ""),
      upload_manifest: upload_manifest
    })
  end

  @doc false
  def native_config(config) do
    all = Application.get_all_env(:ex_aws)
    options = all |> Keyword.drop([:s3]) |> Keyword.merge(Keyword.new(all[:s3] || [])) |> Keyword.merge(config)

    %{
      access_key_id: resolve(options[:access_key_id]),
      secret_access_key: resolve(options[:secret_access_key]),
      session_token: resolve(options[:security_token]),
      region: resolve(options[:region]),
      endpoint: endpoint(options)
    }
  end

  defp endpoint(options) do
    with host when is_binary(host) <- resolve(options[:host]) do
      scheme = String.trim_trailing(resolve(options[:scheme]) || "https", "://")
      port = options[:port]
      "#{scheme}://#{host}" <> if(port, do: ":#{port}", else: "")
    end
  end

  # ex_aws: a text, {:system, variable}, or a list of which the first that gives one counts.
  defp resolve({:system, variable}), do: System.get_env(variable)
  defp resolve(text) when is_binary(text), do: text
  defp resolve(list) when is_list(list), do: Enum.find_value(list, &resolve/1)
  defp resolve(_other), do: nil
end
