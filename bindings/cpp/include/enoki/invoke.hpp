/*
 * invoke.hpp - enoki/invoke.h for C++17: a function calls another one by its name.
 *
 *   enoki::request request;
 *   request.body = call.body();
 *   request.timeout = std::chrono::seconds(2);
 *   const enoki::answer answer = enoki::invoke(call, "echo", request);
 *   call.reply(answer.body());
 *
 * Errors   invoke() throws enoki::error, try_invoke() returns a result. Whatever the function
 *          answers is an answer: look at its status().
 * Memory   A request borrows what its views show until the call returns; an answer owns its parts.
 */
#ifndef ENOKI_INVOKE_HPP
#define ENOKI_INVOKE_HPP

#include <enoki/function.hpp>
#include <enoki/invoke.h>

#include <chrono>

namespace enoki
{

/* What is asked, beside the function's name. */
struct request {
    view body;
    std::string method = "POST";
    std::string path;         /* "" or "/what/follows" */
    std::string query;        /* what follows '?' */
    std::string content_type; /* "": none is said */
    std::vector<std::pair<std::string, std::string>> headers;
    std::chrono::milliseconds timeout{0}; /* 0: what is left of the call */
    bool is_async = false;                /* answered 202 once it is accepted */
};

class answer
{
  public:
    explicit answer(struct enoki_answer *raw) noexcept : answer_(raw)
    {
    }

    int status() const noexcept
    {
        return enoki_answer_status(answer_.get());
    }
    view body() const noexcept
    {
        std::size_t size = 0;
        const void *data = enoki_answer_body(answer_.get(), &size);
        return {data, size};
    }
    std::string_view content_type() const noexcept
    {
        return enoki_answer_content_type(answer_.get());
    }
    std::optional<std::string_view> header(const std::string &name) const
    {
        const char *value = enoki_answer_header(answer_.get(), name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string_view>(value);
    }

  private:
    struct release {
        void operator()(struct enoki_answer *raw) const noexcept
        {
            enoki_answer_free(raw);
        }
    };
    std::unique_ptr<struct enoki_answer, release> answer_;
};

namespace detail
{

template <typename Call> result<answer> ask(const request &request, Call &&call)
{
    struct enoki_invoke_options options = ENOKI_INVOKE_OPTIONS_INIT;
    std::vector<struct enoki_invoke_header> headers;
    struct enoki_answer *out = nullptr;

    for (const auto &[name, value] : request.headers)
        headers.push_back({name.c_str(), value.c_str()});
    options.method = request.method.c_str();
    options.path = request.path.c_str();
    options.query = request.query.c_str();
    options.body = request.body.data();
    options.body_len = request.body.size();
    options.content_type = request.content_type.empty() ? nullptr : request.content_type.c_str();
    options.headers = headers.data();
    options.header_count = headers.size();
    options.timeout_ms =
        request.timeout.count() > 0 ? static_cast<std::uint64_t>(request.timeout.count()) : 0;
    options.is_async = request.is_async ? 1 : 0;
    return run<answer>([&](struct enoki_error *err) { return call(options, &out, err); },
                       [&] { return answer(out); });
}

} // namespace detail

inline result<answer> try_invoke(call &from, const std::string &name, const request &request = {})
{
    return detail::ask(request, [&](const struct enoki_invoke_options &options,
                                    struct enoki_answer **out, struct enoki_error *err) {
        return enoki_call_invoke(from.get(), name.c_str(), &options, out, err);
    });
}

/* Outside a call: in a constructor, or on a thread of the function's own. */
inline result<answer> try_invoke(const env &from, const std::string &name,
                                 const request &request = {})
{
    return detail::ask(request, [&](const struct enoki_invoke_options &options,
                                    struct enoki_answer **out, struct enoki_error *err) {
        return enoki_env_invoke(from.get(), name.c_str(), &options, out, err);
    });
}

#if defined(__cpp_exceptions)
inline answer invoke(call &from, const std::string &name, const request &request = {})
{
    return try_invoke(from, name, request).value();
}

inline answer invoke(const env &from, const std::string &name, const request &request = {})
{
    return try_invoke(from, name, request).value();
}
#endif

} // namespace enoki

#endif
