"""Builds the modules enoki and kv for the Python that pip belongs to, with the libenoki that
pkg-config finds."""
import subprocess

from setuptools import Extension, setup


def pkg_config(*words):
    try:
        return subprocess.run(["pkg-config", *words, "enoki"], check=True, capture_output=True,
                              text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit("libenoki is not found: install it and add its lib/pkgconfig to "
                         f"PKG_CONFIG_PATH ({error})") from None


setup(
    packages=["enoki"],
    package_data={"enoki": ["*.pyi", "py.typed"]},
    py_modules=["kv"],
    ext_modules=[Extension(
        "_enoki",
        ["src/errors.c", "src/invoke.c", "src/items.c", "src/module.c", "src/state.c"],
        depends=["src/enoki_python.h"],
        extra_compile_args=[*pkg_config("--cflags"), "-fvisibility=hidden"],
        extra_link_args=pkg_config("--libs"),
        runtime_library_dirs=pkg_config("--variable=libdir"))])
