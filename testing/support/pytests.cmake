# add_pytests(PREFIX SECONDS): each test_NAME.py of this folder as the test PREFIX.NAME, which may take
# so long.
function(add_pytests prefix seconds)
  file(GLOB tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} test_*.py)
  foreach(test ${tests})
    string(REGEX REPLACE "^test_(.*)[.]py$" "${prefix}.\\1" name ${test})
    add_test(NAME ${name}
             COMMAND /usr/bin/python3 -m pytest -q -p no:cacheprovider
                     ${CMAKE_CURRENT_SOURCE_DIR}/${test})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${seconds} ENVIRONMENT
      "ENOKI_BUILD=${CMAKE_BINARY_DIR};ENOKI_SANITIZE=${ENOKI_SANITIZE};ENOKI_COVERAGE=${ENOKI_COVERAGE};PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endfunction()
