"""Ways to break the link, bits over a channel; see `mutation_list.py`."""

LISTED = (
    # Bits over a channel
    ("link/crc.py", "link/test_crc.py", {"another polynomial": ("0x800063", "0x800061")}),
    (
        "link/entropy.py",
        "link/test_entropy.py",
        {
            "escapes on the wrong side": ("(outside < tables.low)", "(outside > tables.low)"),
            "carry of the last words dropped": ("words[index] + carry", "words[index]"),
        },
    ),
    (
        "link/tables.py",
        "link/test_entropy.py",
        {"frequencies of zero": ("= 1 + counts * (TOTAL - symbols) // sums", "= counts * (TOTAL - symbols) // sums")},
    ),
    (
        "link/belief_propagation.py",
        "link/test_belief_propagation.py",
        {"messages that hear themselves": (".sub_(last)", "")},
    ),
    (
        "link/transport.py",
        "link/test_waveform.py",
        {"noise of a fade forgotten": ("(noise / gain).clamp", "noise.clamp")},
    ),
    (
        "link/waveform.py",
        "link/test_waveform.py",
        {
            "neighbours stay neighbours": ("uses * 618 // 1000", "uses * 0 // 1000"),
            "amplitudes are alike to the receiver": ("device=parts.device).log()", "device=parts.device) * 0"),
        },
    ),
    (
        "link/shaping.py",
        "link/test_shaping.py",
        {
            "amplitudes are not Gaussian": ("index * (index + 1) // 2", "index"),
            "any order tells bits": ("if number < 1 << bits else None", ""),
        },
    ),
    (
        "link/blocks.py",
        "link/test_blocks.py",
        {
            "labels that are never sent": ("return PUNCTURED_COLUMNS * self.code.lifting", "return 0"),
            "zeros stay zeros": ("information = payloads ^ _flips(block)", "information = payloads"),
        },
    ),
    (
        "link/header.py",
        "link/test_header.py",
        {"all lengths alike": ("to_symbols(coded, sequence=length)[0]", "to_symbols(coded)[0]")},
    ),
    (
        "link/modes.py",
        "link/test_modes.py",
        {"fading that costs nothing": ('    if fading == "none":\n', "    if True:\n")},
    ),
    (
        "link/fading.py",
        "link/test_modes.py",
        {"fades of amplitudes": ("shifts = 10 * np.log10(nodes)", "shifts = 5 * np.log10(nodes)")},
    ),
    (
        "link/codewords.py",
        "link/test_codewords.py",
        {
            "punctured bits sent": (
                "np.arange(PUNCTURED_COLUMNS * z, block.information)",
                "np.arange(0, block.information)",
            )
        },
    ),
    (
        "link/prefix.py",
        "link/test_prefix.py",
        {"all guesses certain": ("    if not np.array_equal(found, other):\n", "    if False:\n")},
    ),
)
