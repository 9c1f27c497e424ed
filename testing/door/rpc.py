"""A gRPC client without generated code: what tinyFaaS's clients send, byte by byte."""
import grpc

REQUEST = "/openfogstack.tinyfaas.tinyfaas.TinyFaaS/Request"


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value if value else b""


def fields(message):
    """(number, value) of a message with lengths and varints alone."""
    found, at = [], 0

    def take():
        nonlocal at
        number, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
    while at < len(message):
        key = take()
        value = take()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        found.append((key >> 3, value))
    return found


def data(function, body):
    return field(1, function) + field(2, body)


class Client:
    """Calls by one connection; answers are texts, failures grpc.RpcError."""

    def __init__(self, address, credentials=None, options=()):
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1),
                   ("grpc.enable_http_proxy", 0), *options]
        self.channel = (grpc.insecure_channel(address, options) if credentials is None else
                        grpc.secure_channel(address, credentials, options))

    def raw(self, method, message, timeout=30, metadata=None, **more):
        return self.channel.unary_unary(method)(message, timeout=timeout, metadata=metadata, **more)

    def call(self, function, body="", timeout=30, metadata=None, **more):
        answer = self.raw(REQUEST, data(function, body), timeout, metadata, **more)
        found = fields(answer)
        assert [n for n, _ in found] in ([], [1]), found
        return found[0][1].decode() if found else ""

    def fails(self, function, body="", **more):
        """The code's name and the text of a call that must fail."""
        try:
            answer = self.call(function, body, **more)
        except grpc.RpcError as error:
            return error.code().name, error.details()
        raise AssertionError(f"answered: {answer[:100]}")

    def close(self):
        self.channel.close()
