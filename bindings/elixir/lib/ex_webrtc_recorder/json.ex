defmodule ExWebRTC.Recorder.JSON do
  @moduledoc false
  # What goes to and comes from librtpx, which writes valid JSON: no options, no dependency. Raises on anything else.

  @spec decode!(binary()) :: term()
  def decode!(text) do
    {value, rest} = value(skip(text))
    if skip(rest) != "", do: raise(ArgumentError, "JSON goes on after its end")
    value
  end

  @spec encode!(term()) :: binary()
  def encode!(value), do: value |> to_iodata() |> IO.iodata_to_binary()

  defp skip(<<c, rest::binary>>) when c in ' \n\r\t', do: skip(rest)
  defp skip(text), do: text

  defp value("{" <> rest), do: members(skip(rest), %{})
  defp value("[" <> rest), do: elements(skip(rest), [])
  defp value("\"" <> rest), do: string(rest, [])
  defp value("true" <> rest), do: {true, rest}
  defp value("false" <> rest), do: {false, rest}
  defp value("null" <> rest), do: {nil, rest}

  defp value(text) do
    case Regex.run(~r/\A-?\d+(\.\d+)?([eE][+-]?\d+)?/, text) do
      [digits] ->
        {String.to_integer(digits), after_prefix(text, digits)}

      [digits, _fraction] ->
        {String.to_float(digits), after_prefix(text, digits)}

      [digits, "", _exponent] ->
        {digits |> String.replace(~r/e/i, ".0e") |> String.to_float(), after_prefix(text, digits)}

      [digits, _fraction, _exponent] ->
        {String.to_float(digits), after_prefix(text, digits)}

      nil ->
        raise ArgumentError, "no JSON: #{inspect(String.slice(text, 0, 20))}"
    end
  end

  defp after_prefix(text, prefix), do: binary_part(text, byte_size(prefix), byte_size(text) - byte_size(prefix))

  defp members("}" <> rest, map), do: {map, rest}

  defp members("\"" <> rest, map) do
    {key, rest} = string(rest, [])
    ":" <> rest = skip(rest)
    {value, rest} = value(skip(rest))
    map = Map.put(map, key, value)

    case skip(rest) do
      "," <> rest -> members(skip(rest), map)
      "}" <> rest -> {map, rest}
    end
  end

  defp elements("]" <> rest, list), do: {Enum.reverse(list), rest}

  defp elements(text, list) do
    {value, rest} = value(text)

    case skip(rest) do
      "," <> rest -> elements(skip(rest), [value | list])
      "]" <> rest -> {Enum.reverse([value | list]), rest}
    end
  end

  defp string(text, parts) do
    size = plain(text, 0)
    <<chunk::binary-size(size), rest::binary>> = text

    case rest do
      "\"" <> rest -> {IO.iodata_to_binary(Enum.reverse([chunk | parts])), rest}
      <<"\\u", rest::binary>> -> unicode(rest, [chunk | parts])
      <<"\\", c, rest::binary>> -> string(rest, [escaped(c), chunk | parts])
    end
  end

  defp plain(<<c, _rest::binary>>, size) when c in [?", ?\\], do: size
  defp plain(<<_c, rest::binary>>, size), do: plain(rest, size + 1)
  defp plain(<<>>, _size), do: raise(ArgumentError, "JSON ends inside of a string")

  defp unicode(<<high::binary-size(4), "\\u", low::binary-size(4), rest::binary>>, parts)
       when binary_part(high, 0, 1) in ["d", "D"] and binary_part(high, 1, 1) in ["8", "9", "a", "A", "b", "B"] do
    code = 0x10000 + (String.to_integer(high, 16) - 0xD800) * 0x400 + String.to_integer(low, 16) - 0xDC00
    string(rest, [<<code::utf8>> | parts])
  end

  defp unicode(<<hex::binary-size(4), rest::binary>>, parts),
    do: string(rest, [<<String.to_integer(hex, 16)::utf8>> | parts])

  defp escaped(?b), do: "\b"
  defp escaped(?f), do: "\f"
  defp escaped(?n), do: "\n"
  defp escaped(?r), do: "\r"
  defp escaped(?t), do: "\t"
  defp escaped(c) when c in [?", ?\\, ?/], do: <<c>>

  defp to_iodata(nil), do: "null"
  defp to_iodata(true), do: "true"
  defp to_iodata(false), do: "false"
  defp to_iodata(atom) when is_atom(atom), do: to_iodata(Atom.to_string(atom))
  defp to_iodata(number) when is_integer(number), do: Integer.to_string(number)
  defp to_iodata(number) when is_float(number), do: Float.to_string(number)
  defp to_iodata(text) when is_binary(text), do: [?", for(<<c::utf8 <- text>>, do: escape(c)), ?"]
  defp to_iodata(list) when is_list(list), do: [?[, list |> Enum.map(&to_iodata/1) |> Enum.intersperse(?,), ?]]

  defp to_iodata(map) when is_map(map) do
    members = for {key, value} <- map, do: [to_iodata(to_string(key)), ?:, to_iodata(value)]
    [?{, Enum.intersperse(members, ?,), ?}]
  end

  defp escape(?"), do: "\\\""
  defp escape(?\\), do: "\\\\"
  defp escape(c) when c < 0x20, do: "\\u" <> (c |> Integer.to_string(16) |> String.pad_leading(4, "0"))
  defp escape(c), do: <<c::utf8>>
end
