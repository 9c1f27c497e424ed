/*
 * function.hpp - enoki/function.h for C++17: a function as a class.
 *
 *   #include <enoki/function.hpp>
 *
 *   struct echo {
 *       void operator()(enoki::call &call) { call.reply(call.body()); }
 *   };
 *   ENOKI_CPP_FUNCTION(echo)
 *
 * Build: c++ -std=c++17 -shared -fPIC fn.cpp $(pkg-config --cflags --libs enoki) -o fn.so
 *
 * The class    Constructed once per worker, from const enoki::env & or from nothing; called once
 * per call, one call at a time; destroyed on an orderly end. A static void preload(const enoki::env
 * &) runs once, before there are workers. Errors       What it throws becomes 500 with the
 * exception's text; what its constructor or preload throws stops the start. Without exceptions
 * operator() returns an enoki::outcome. Memory       What a call hands out is borrowed until
 * operator() returns; replies are copied.
 */
#ifndef ENOKI_FUNCTION_HPP
#define ENOKI_FUNCTION_HPP

#include <enoki/function.h>
#include <enoki/state.hpp>

#include <new>
#include <type_traits>

namespace enoki
{

enum class log_level {
    error = ENOKI_LOG_ERROR,
    warn = ENOKI_LOG_WARN,
    info = ENOKI_LOG_INFO,
    debug = ENOKI_LOG_DEBUG,
};

/* The function's surroundings. A copy is a reference to the same. */
class env
{
  public:
    explicit env(const struct enoki_env *raw) noexcept : env_(raw)
    {
    }

    std::string_view name() const noexcept
    {
        return enoki_env_name(env_);
    }
    std::string_view directory() const noexcept
    {
        return enoki_env_directory(env_);
    }
    std::optional<std::string_view> variable(const std::string &name) const
    {
        const char *value = enoki_env_variable(env_, name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string_view>(value);
    }
    void log(log_level level, std::string_view message) const noexcept
    {
        enoki_env_log(env_, static_cast<enum enoki_log_level>(level), "%.*s",
                      static_cast<int>(message.size()), message.data());
    }
    /* The worker's state; not in preload. */
    result<state_ref> try_state() const
    {
        struct enoki_state *out = nullptr;
        return detail::run<state_ref>(
            [&](struct enoki_error *err) { return enoki_env_state(env_, &out, err); },
            [&] { return state_ref(out); });
    }
#if defined(__cpp_exceptions)
    state_ref state() const
    {
        return try_state().value();
    }
#endif

    const struct enoki_env *get() const noexcept
    {
        return env_;
    }

  private:
    const struct enoki_env *env_;
};

struct header {
    std::string_view name;
    std::string_view value;
};

/* One call. */
class call
{
  public:
    explicit call(struct enoki_call *raw) noexcept : call_(raw)
    {
    }
    call(const call &) = delete;
    call &operator=(const call &) = delete;

    enoki::env env() const noexcept
    {
        return enoki::env(enoki_call_env(call_));
    }
    view body() const noexcept
    {
        std::size_t size = 0;
        const void *data = enoki_call_body(call_, &size);
        return {data, size};
    }
    std::string_view method() const noexcept
    {
        return enoki_call_method(call_);
    }
    std::string_view path() const noexcept
    {
        return enoki_call_path(call_);
    }
    std::string_view query() const noexcept
    {
        return enoki_call_query(call_);
    }
    std::string_view content_type() const noexcept
    {
        return enoki_call_content_type(call_);
    }
    std::optional<std::string_view> header(const std::string &name) const
    {
        const char *value = enoki_call_header(call_, name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string_view>(value);
    }
    /* In the order of arrival. */
    std::vector<enoki::header> headers() const
    {
        std::vector<enoki::header> all;
        const char *name = nullptr;
        for (std::size_t i = 0;; i++) {
            const char *value = enoki_call_header_at(call_, i, &name);
            if (value == nullptr)
                return all;
            all.push_back({name, value});
        }
    }
    std::uint64_t id() const noexcept
    {
        return enoki_call_id(call_);
    }
    std::int64_t remaining_ms() const noexcept
    {
        return enoki_call_remaining_ms(call_);
    }
    result<state_ref> try_state() const
    {
        return env().try_state();
    }

    outcome try_reply(view body)
    {
        return detail::run([&](struct enoki_error *err) {
            return enoki_call_reply(call_, body.data(), body.size(), err);
        });
    }
    outcome try_status(int status)
    {
        return detail::run(
            [&](struct enoki_error *err) { return enoki_call_reply_status(call_, status, err); });
    }
    outcome try_set_header(const std::string &name, const std::string &value)
    {
        return detail::run([&](struct enoki_error *err) {
            return enoki_call_reply_header(call_, name.c_str(), value.c_str(), err);
        });
    }

#if defined(__cpp_exceptions)
    state_ref state() const
    {
        return try_state().value();
    }
    void reply(view body)
    {
        try_reply(body).value();
    }
    void status(int code)
    {
        try_status(code).value();
    }
    void set_header(const std::string &name, const std::string &value)
    {
        try_set_header(name, value).value();
    }
#endif

    struct enoki_call *get() const noexcept
    {
        return call_;
    }

  private:
    struct enoki_call *call_;
};

namespace detail
{

inline int report(struct enoki_error *err, const failure &why)
{
    return enoki_error_set(err, why.status, "%s", why.message.c_str());
}

/* Runs body, which returns void or outcome, and lets no exception out. */
template <typename Body> int guard(struct enoki_error *err, Body &&body)
{
#if defined(__cpp_exceptions)
    try {
#endif
        if constexpr (std::is_void_v<decltype(body())>) {
            body();
        } else {
            const outcome done = body();
            if (!done)
                return report(err, done.failure());
        }
        return 0;
#if defined(__cpp_exceptions)
    } catch (const error &caught) {
        return enoki_error_set(err, caught.status(), "%s", caught.what());
    } catch (const std::bad_alloc &) {
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory");
    } catch (const std::exception &caught) {
        return enoki_error_set(err, ENOKI_EFUNCTION, "%s", caught.what());
    } catch (...) {
        return enoki_error_set(err, ENOKI_EFUNCTION, "the function threw what is no exception");
    }
#endif
}

template <typename T, typename = void> struct has_preload : std::false_type {
};
template <typename T>
struct has_preload<T, std::void_t<decltype(T::preload(std::declval<const env &>()))>>
    : std::true_type {
};

/* The C functions of a class. */
template <typename T> struct adapter {
    static int preload(const struct enoki_env *raw, struct enoki_error *err)
    {
        if constexpr (has_preload<T>::value)
            return guard(err, [&] { return T::preload(env(raw)); });
        (void)raw;
        return 0;
    }

    static int open(const struct enoki_env *raw, void **out, struct enoki_error *err)
    {
        return guard(err, [&] {
            if constexpr (std::is_constructible_v<T, const env &>)
                *out = new T(env(raw));
            else
                *out = new T();
        });
    }

    static int invoke(void *instance, struct enoki_call *raw, struct enoki_error *err)
    {
        call wrapped(raw);
        return guard(err, [&] { return (*static_cast<T *>(instance))(wrapped); });
    }

    static void close(void *instance)
    {
        delete static_cast<T *>(instance);
    }
};

} // namespace detail
} // namespace enoki

/* Use once per library, at file scope. */
#define ENOKI_CPP_FUNCTION(type)                                                                   \
    extern "C" __attribute__((visibility("default"))) const struct enoki_function enoki_function;  \
    const struct enoki_function enoki_function = {ENOKI_FUNCTION_ABI,                              \
                                                  sizeof(struct enoki_function),                   \
                                                  enoki::detail::adapter<type>::preload,           \
                                                  enoki::detail::adapter<type>::open,              \
                                                  enoki::detail::adapter<type>::invoke,            \
                                                  enoki::detail::adapter<type>::close};

#endif
