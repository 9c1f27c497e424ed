# cmake -DFILE=... -DNAME=... -DOUT=... -P embed.cmake: a file's bytes as the C array NAME.
file(READ ${FILE} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "const unsigned char ${NAME}[${size}] = {${bytes}};
const unsigned long ${NAME}_size = ${size};\n")
