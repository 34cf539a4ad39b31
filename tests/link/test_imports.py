"""Sionna stays out until bits are coded, and leaves no trace in global state."""

import subprocess
import sys


def run(script):
    warn = ["-W", "error", "-W", "ignore::DeprecationWarning:typer"]  # an older Typer takes what Click gives up
    done = subprocess.run([sys.executable, *warn, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_importing_needs_no_sionna():
    run("import sys, semcomm, semcomm.link.transport, semcomm.link.header; assert 'sionna' not in sys.modules")


def test_commands_that_code_no_bits_need_no_sionna(photo_folder, tmp_path):
    data = f"'--data', {str(photo_folder)!r}, '--snr', '10'"
    run(
        "import sys\n"
        "from semcomm.cli.main import main\n"
        "for command in (\n"
        "    ['models'],\n"
        f"    ['baseline', 'jpeg', '--bandwidth-ratio', '1/4', '--channel', 'rayleigh', {data}],\n"
        f"    ['evaluate', 'deep-jscc-c1', '--channel', 'ofdm', '--metrics', 'papr', {data}],\n"
        f"    ['transmit', {str(photo_folder / 'a.png')!r}, '--model', 'deep-jscc-c1', '--out', {str(tmp_path)!r}],\n"
        "):\n"
        "    sys.argv = ['semcomm', *command]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, command\n"
        "    assert 'sionna' not in sys.modules, command\n"
    )


def test_global_generators_and_sionnas_settings_stay_as_they_were():
    run(
        "import random, numpy as np, torch\n"
        "from semcomm.link import transport\n"
        "torch.manual_seed(5), np.random.seed(5), random.seed(5)\n"
        "before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()\n"
        "plan = transport.plan(100, 20)\n"
        "(symbols,) = transport.send([np.zeros(100, dtype=np.uint8)], [plan])\n"
        "transport.receive([symbols], [plan], noise_variance=[0.5])\n"
        "assert torch.equal(torch.get_rng_state(), before[0])\n"
        "assert np.random.get_state()[1].tolist() == before[1] and random.getstate() == before[2]\n"
        "from sionna.phy import config\n"
        "assert config.seed is None and config.precision == 'single'\n"
        "config.precision = 'double'\n"
        "(again,) = transport.send([np.zeros(100, dtype=np.uint8)], [transport.plan(100, 40)])\n"
        "assert again.dtype == torch.complex64 and config.precision == 'double'\n"
    )


def test_two_processes_share_nothing_but_symbols(tmp_path):
    """The sender writes a file of symbols; the receiver knows it and how many bits and which mode were agreed."""
    sender = (
        "import numpy as np\nfrom semcomm.link import transport\n"
        "bits = np.random.default_rng(7).integers(0, 2, 3000, dtype=np.uint8)\n"
        "(symbols,) = transport.send([bits], [transport.plan(3000, 25)])\n"
        f"np.save({str(tmp_path / 'symbols.npy')!r}, symbols.numpy())\n"
    )
    receiver = (
        "import numpy as np, torch\nfrom semcomm.link import transport\n"
        f"symbols = torch.from_numpy(np.load({str(tmp_path / 'symbols.npy')!r}))\n"
        "noise = torch.randn(symbols.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))\n"
        "(got,) = transport.receive([symbols + 0.5 * noise], [transport.plan(3000, 25)], noise_variance=[0.25])\n"
        "assert got.ok\n"
        "np.testing.assert_array_equal(got.bits, np.random.default_rng(7).integers(0, 2, 3000, dtype=np.uint8))\n"
    )
    run(sender)
    run(receiver)
