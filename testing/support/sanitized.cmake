# Read by ctest before it runs any test: their common environment.
#
# The leak checker of GCC 12 crashes ("Tracer caught signal 11") where a thread ends whose thread-local
# blocks it follows. gRPC's threads do, while a process that has loaded gRPC ends: it would exit with 1.
set(ENV{ASAN_OPTIONS} "$ENV{ASAN_OPTIONS}:intercept_tls_get_addr=0")
