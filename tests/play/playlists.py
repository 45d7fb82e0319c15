"""Reads HLS playlists and checks the rules of RFC 8216bis (draft-pantos-hls-rfc8216bis) that one can check from files."""
import pathlib
import re


class Broken(AssertionError):
    pass


def must(condition, what):
    if not condition:
        raise Broken(what)


def attributes(text):
    """Section 4.2: a list without repeated names, each value a number, a quoted or an enumerated string."""
    out = {}
    for name, value in re.findall(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(?:,|$)', text):
        must(name not in out, f"attribute {name} twice")
        out[name] = value[1:-1] if value.startswith('"') else value
    joined = ",".join(f"{name}=" for name in out)
    must(len(re.sub(r'="[^"]*"', "=", text).split(",")) == len(out), f"not an attribute list: {text} ({joined})")
    return out


def lines_of(text):
    must(text.startswith("#EXTM3U\n"), "EXTM3U is not the first line (4.4.1.1)")
    must("\r" not in text and "\ufeff" not in text, "carriage return or BOM (4.1)")
    for line in text.split("\n")[1:]:
        if line and (not line.startswith("#") or line.startswith("#EXT")):
            yield line


def split_tag(line):
    name, _, value = line.partition(":")
    return name, value


class Media:
    """A media playlist."""

    def __init__(self, text):
        self.segments, self.tags = [], {}
        map_uri, date, duration, parts = None, None, None, []
        self.hint, self.trailing_parts = None, []
        discontinuity, gap = 0, False
        for line in lines_of(text):
            name, value = split_tag(line)
            if not line.startswith("#"):
                must(duration is not None, f"{line} has no EXTINF (4.4.4.1)")
                must(map_uri is not None, f"{line}: fMP4 needs EXT-X-MAP (3.1.2)")
                self.segments.append({"uri": line, "map": map_uri, "duration": duration, "discontinuity": discontinuity,
                                      "gap": gap, "date": date, "parts": parts})
                date, duration, gap, parts = None, None, False, []
            elif name == "#EXTINF":
                number, comma, _ = value.partition(",")
                must(comma == "," and re.fullmatch(r"\d+(\.\d+)?", number), f"EXTINF {value} (4.4.4.1)")
                duration = float(number)
            elif name == "#EXT-X-MAP":
                map_uri = attributes(value)["URI"]
            elif name == "#EXT-X-DISCONTINUITY":
                discontinuity += 1
            elif name == "#EXT-X-GAP":
                gap = True
            elif name == "#EXT-X-PROGRAM-DATE-TIME":
                must(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", value), f"date {value} (4.4.4.6)")
                date = value
            elif name == "#EXT-X-PART":
                parts.append(attributes(value))
            elif name == "#EXT-X-PRELOAD-HINT":
                self.hint = attributes(value)
            else:
                must(name not in self.tags or name in ("#EXT-X-RENDITION-REPORT",), f"{name} twice (4.4.3)")
                self.tags[name] = value
        self.trailing_parts = parts
        must(duration is None, "EXTINF without a segment")
        self.target = int(self.tags["#EXT-X-TARGETDURATION"])
        self.version = int(self.tags["#EXT-X-VERSION"])
        self.ended = "#EXT-X-ENDLIST" in self.tags
        self.kind = self.tags.get("#EXT-X-PLAYLIST-TYPE")
        for segment in self.segments:
            must(int(segment["duration"] + 0.5) <= self.target, f"{segment['duration']} s in a target of {self.target} (4.4.3.1)")
        must(self.version >= 6, "EXT-X-MAP outside of I-frame playlists needs version 6 (8)")
        must(self.version >= 8 or not any(s["gap"] for s in self.segments), "EXT-X-GAP needs version 8 (8)")
        must(self.kind in (None, "VOD", "EVENT"), f"playlist type {self.kind}")
        must(self.kind != "VOD" or self.ended, "a VOD playlist without an end (4.4.3.5)")
        if self.segments and any(s["date"] for s in self.segments):
            must(self.segments[0]["date"], "the first segment has no date (6.2.1)")

    def duration(self):
        return sum(segment["duration"] for segment in self.segments)


class Live(Media):
    """A media playlist of what is still being recorded: low latency (4.4.3.7, 4.4.3.8, 4.4.4.9, 4.4.5.3, 4.4.5.4)."""

    def __init__(self, text):
        super().__init__(text)
        self.reports = [attributes(split_tag(line)[1]) for line in lines_of(text) if line.startswith("#EXT-X-RENDITION-REPORT:")]
        if self.ended:
            must(self.hint is None, "a hint of something to come in a playlist that has ended")
            return
        must(self.kind == "EVENT", f"it grows and is of type {self.kind} (4.4.3.5)")
        control = attributes(self.tags["#EXT-X-SERVER-CONTROL"])
        part_target = float(attributes(self.tags["#EXT-X-PART-INF"])["PART-TARGET"])
        must(control["CAN-BLOCK-RELOAD"] == "YES", "CAN-BLOCK-RELOAD")
        must(float(control["PART-HOLD-BACK"]) >= 3 * part_target, "PART-HOLD-BACK should be three part target durations (4.4.3.8)")
        must(self.hint and self.hint["TYPE"] == "PART", "no hint of the next part")
        known = [part["URI"] for segment in self.segments for part in segment["parts"]] + [part["URI"] for part in self.trailing_parts]
        must(self.hint["URI"] not in known, "a hint of a part that is there (4.4.5.3)")
        must(len(known) == len(set(known)), "a part is named twice")
        for report in self.reports:
            must(int(report["LAST-MSN"]) >= 0 and int(report.get("LAST-PART", 0)) >= 0, f"{report} (4.4.5.4)")
        for segment in [*self.segments, {"parts": self.trailing_parts, "duration": None}]:
            for at, part in enumerate(segment["parts"]):
                lasts = float(part["DURATION"])
                must(lasts <= part_target + 1e-6, f"a part of {lasts} s (4.4.4.9)")
                last = segment["duration"] is not None and at + 1 == len(segment["parts"])
                must(last or part.get("GAP") or lasts >= 0.85 * part_target, f"a part of {lasts} s is not the last one (4.4.4.9)")
            if segment["parts"]:
                must(segment["parts"][0].get("INDEPENDENT") == "YES", "the first part of a segment is not said to be independent")
            if segment["parts"] and segment["duration"] is not None:
                short = segment["duration"] - sum(float(part["DURATION"]) for part in segment["parts"])
                must(-1e-3 < short < part_target, f"parts are {short} s shorter than their segment")

    def follows(self, before):
        """What was told stays (6.2.1); EVENT playlists are only added to (4.4.3.5)."""
        must(self.target == before.target, "the target duration has changed (6.2.1)")
        plain = lambda segments: [{key: value for key, value in segment.items() if key != "parts"} for segment in segments]
        # With the end, the last segments may become longer: until all renditions end.
        count = len(before.segments) - (1 if self.ended else 0)
        must(plain(self.segments[:count]) == plain(before.segments[:count]), "segments have changed")
        if before.trailing_parts:
            now = self.segments[len(before.segments)]["parts"] if len(self.segments) > len(before.segments) else self.trailing_parts
            must(now[:len(before.trailing_parts)] == before.trailing_parts, "parts have changed")


class Multivariant:
    def __init__(self, text):
        self.variants, self.media = [], []
        stream = None
        for line in lines_of(text):
            name, value = split_tag(line)
            if not line.startswith("#"):
                must(stream is not None, f"{line} follows no EXT-X-STREAM-INF (4.4.6.2)")
                self.variants.append({**stream, "URI": line})
                stream = None
            elif name == "#EXT-X-STREAM-INF":
                must(stream is None, "EXT-X-STREAM-INF without address")
                stream = attributes(value)
                must(int(stream["BANDWIDTH"]) >= int(stream["AVERAGE-BANDWIDTH"]) > 0, f"{value} (4.4.6.2)")
                must(stream.get("CODECS"), "a variant without CODECS (4.4.6.2)")
            elif name == "#EXT-X-MEDIA":
                self.media.append(attributes(value))
        must(stream is None and self.variants, "no variants")
        names = [(m["TYPE"], m["GROUP-ID"], m["NAME"]) for m in self.media]
        must(len(names) == len(set(names)), "two renditions of a group have one name (4.4.6.1.1)")
        for kind in {(m["TYPE"], m["GROUP-ID"]) for m in self.media}:
            group = [m for m in self.media if (m["TYPE"], m["GROUP-ID"]) == kind]
            must(sum(m.get("DEFAULT") == "YES" for m in group) <= 1, "two defaults in a group (4.4.6.1.1)")
        for variant in self.variants:
            for kind in ("AUDIO", "SUBTITLES"):
                if kind in variant:
                    must(any(m["TYPE"] == kind and m["GROUP-ID"] == variant[kind] for m in self.media), f"no group {variant[kind]} (4.4.6.2)")
        groups = {variant.get("AUDIO") for variant in self.variants}
        must(len(groups) == 1, "some variants have no sound (6.2.4)")


def check_presentation(folder, playlist="index.m3u8"):
    """All playlists under a multivariant playlist and their files; answers (multivariant, {uri: media playlist})."""
    folder = pathlib.Path(folder)
    top = Multivariant((folder / playlist).read_text())
    uris = [v["URI"] for v in top.variants] + [m["URI"] for m in top.media if m["TYPE"] != "SUBTITLES"]
    lists = {uri: Media((folder / uri).read_text()) for uri in uris}
    must(len({media.target for media in lists.values()}) == 1, "target durations differ (6.2.4)")
    longest = max(media.duration() for media in lists.values())
    for uri, media in lists.items():
        must(abs(media.duration() - longest) < 0.3, f"{uri} lasts {media.duration()} s of {longest} (6.2.4)")
        must(media.segments, f"{uri} is empty")
        base = (folder / uri).parent
        for segment in media.segments:
            must((base / segment["map"]).is_file(), f"{segment['map']} is not there")
            must(segment["gap"] or (base / segment["uri"]).is_file(), f"{segment['uri']} is not there")
        for before, after in zip(media.segments, media.segments[1:]):
            must(before["map"] == after["map"] or before["discontinuity"] < after["discontinuity"],
                 f"{uri}: another configuration without EXT-X-DISCONTINUITY (4.4.4.3)")
            must(before["discontinuity"] == after["discontinuity"] or after["date"] or not media.segments[0]["date"],
                 f"{uri}: no date after a discontinuity")
    for media in (m for m in top.media if m["TYPE"] == "SUBTITLES"):
        check_subtitles(folder, media["URI"], longest)
    check_discontinuities(lists)
    check_bandwidth(folder, top, lists)
    return top, lists


def check_subtitles(folder, uri, longest):
    """WebVTT whose times are those of the media (3.1.4)."""
    text = (folder / uri).read_text()
    names = re.findall(r"^(\d+\.vtt.*)$", text, re.M)
    durations = [float(value) for value in re.findall(r"^#EXTINF:([\d.]+),$", text, re.M)]
    must(names and len(names) == len(durations) and text.endswith("#EXT-X-ENDLIST\n"), f"{uri}: no subtitles")
    must(abs(sum(durations) - longest) < 0.3, f"{uri} lasts {sum(durations)} s of {longest} (6.2.4)")
    for name in names:
        piece = ((folder / uri).parent / name).read_text()
        must(piece.startswith("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"), f"{name} has no X-TIMESTAMP-MAP (3.1.4)")


def check_discontinuities(lists):
    """Section 6.2.4: what belongs together in time has the same discontinuity sequence number."""
    starts = {}
    for uri, media in lists.items():
        at = 0
        for segment in media.segments:
            starts.setdefault(segment["discontinuity"], {}).setdefault(uri, at)
            at += segment["duration"]
    for number, by_uri in starts.items():
        for uri, media in lists.items():
            # One whose last segment began before it has nothing to number.
            last = media.duration() - media.segments[-1]["duration"]
            must(uri in by_uri or last <= min(by_uri.values()), f"discontinuity {number} is only in {sorted(by_uri)}")
        must(max(by_uri.values()) - min(by_uri.values()) < 1.5, f"discontinuity {number} begins at {by_uri}")


def peak(base, media):
    """Bits a second of the fullest run of segments between half and one and a half target durations (4.4.6.2). Nothing is
    fetched in gaps; where no run is so long, of all that is."""
    sizes = [None if s["gap"] else ((base / s["uri"]).stat().st_size, s["duration"]) for s in media.segments]
    fetched = [s for s in sizes if s]
    out = 0
    for first in range(len(sizes)):
        size = duration = 0
        for segment in sizes[first:]:
            if not segment:
                break
            size, duration = size + segment[0], duration + segment[1]
            if duration > 1.5 * media.target:
                break
            if duration >= 0.5 * media.target:
                out = max(out, 8 * size / duration)
    if not out and fetched:
        out = 8 * sum(size for size, _ in fetched) / sum(duration for _, duration in fetched)
    return out


def check_bandwidth(folder, top, lists):
    sound = max([peak((folder / m["URI"]).parent, lists[m["URI"]]) for m in top.media if m["TYPE"] == "AUDIO"], default=0)
    for variant in top.variants:
        actual = peak((folder / variant["URI"]).parent, lists[variant["URI"]]) + sound
        must(int(variant["BANDWIDTH"]) >= actual, f"BANDWIDTH {variant['BANDWIDTH']} but {actual} (4.4.6.2)")
        must(actual == 0 or int(variant["BANDWIDTH"]) <= 1.3 * actual + 20_000, f"BANDWIDTH {variant['BANDWIDTH']} is far over {actual}")
