/*
 * state.hpp - enoki/state.h for C++17: read and write the items of one keygroup.
 *
 *   enoki::state_options options;
 *   options.uri = "embedded:./enoki-state";
 *   options.keygroup = "tinyFaaSdemo";
 *   enoki::state state = enoki::state::open(options);
 *   state.update("greeting", "hello");
 *   for (enoki::item sibling : state.read("greeting"))
 *       std::cout << sibling.value().text() << "\n";
 *
 * What each operation does, its limits and its errors: enoki/state.h. What holds for all C++
 * headers: values.hpp.
 *
 * Threads  any thread may use one state.    Fork  after: open it in the process that uses it.
 */
#ifndef ENOKI_STATE_HPP
#define ENOKI_STATE_HPP

#include <enoki/values.hpp>

#if defined(__cpp_exceptions)
#include <exception>
#endif

namespace enoki
{

enum class kind {
    any = ENOKI_KEYGROUP_ANY,
    mutable_items = ENOKI_KEYGROUP_MUTABLE,
    append_only = ENOKI_KEYGROUP_APPEND,
};

/* Empty texts and zeros: the default. */
struct state_options {
    std::string uri;
    std::string keygroup;
    std::string node;
    enoki::kind kind = kind::any;
    std::uint64_t max_value_bytes = 0;
    bool must_exist = false;
    std::uint64_t timeout_ms = 0;
};

/* What a modify callback decides. */
class change
{
  public:
    static change keep()
    {
        return change(ENOKI_MODIFY_KEEP, {});
    }
    static change write(std::string value)
    {
        return change(ENOKI_MODIFY_WRITE, std::move(value));
    }
    static change remove()
    {
        return change(ENOKI_MODIFY_REMOVE, {});
    }

    enum enoki_modify what() const noexcept
    {
        return what_;
    }
    const std::string &value() const noexcept
    {
        return value_;
    }

  private:
    change(enum enoki_modify what, std::string value) : what_(what), value_(std::move(value))
    {
    }
    enum enoki_modify what_;
    std::string value_;
};

/* A state that somebody else owns: a function's. Copies are cheap. */
class state_ref
{
  public:
    explicit state_ref(struct enoki_state *state) noexcept : state_(state)
    {
    }

    enoki::kind kind() const noexcept
    {
        return static_cast<enoki::kind>(enoki_state_kind(state_));
    }
    std::string_view keygroup() const noexcept
    {
        return enoki_state_keygroup(state_);
    }
    void set_deadline(std::uint64_t monotonic_ms) noexcept
    {
        enoki_state_set_deadline(state_, monotonic_ms);
    }
    struct enoki_state *get() const noexcept
    {
        return state_;
    }

    /* Every sibling; ENOKI_ENOTFOUND if there is none. */
    result<items> try_read(const std::string &id) const
    {
        return list([&](struct enoki_items **out, struct enoki_error *err) {
            return enoki_state_read(state_, id.c_str(), out, err);
        });
    }
    /* The same, but an empty list if there is none. */
    result<items> try_find(const std::string &id) const
    {
        result<items> found = try_read(id);
        if (found.status() == ENOKI_ENOTFOUND)
            return items{};
        return found;
    }
    result<items> try_scan(const std::string &start, std::uint64_t count) const
    {
        return list([&](struct enoki_items **out, struct enoki_error *err) {
            return enoki_state_scan(state_, start.empty() ? nullptr : start.c_str(), count, out,
                                    err);
        });
    }
    result<items> try_keys(const std::string &start, std::uint64_t count) const
    {
        return list([&](struct enoki_items **out, struct enoki_error *err) {
            return enoki_state_keys(state_, start.empty() ? nullptr : start.c_str(), count, out,
                                    err);
        });
    }

    outcome try_update(const std::string &id, view value) const
    {
        return detail::run([&](struct enoki_error *err) {
            return enoki_state_update(state_, id.c_str(), value.data(), value.size(), nullptr, err);
        });
    }
    /* Only if nothing but expected is there; an empty list: the item must not exist. */
    outcome try_update(const std::string &id, view value, const items_view &expected) const
    {
        const struct enoki_expect expect = {sizeof(expect), expected.get()};
        return detail::run([&](struct enoki_error *err) {
            return enoki_state_update(state_, id.c_str(), value.data(), value.size(), &expect, err);
        });
    }
    outcome try_remove(const std::string &id) const
    {
        return detail::run([&](struct enoki_error *err) {
            return enoki_state_remove(state_, id.c_str(), nullptr, err);
        });
    }
    outcome try_remove(const std::string &id, const items_view &expected) const
    {
        const struct enoki_expect expect = {sizeof(expect), expected.get()};
        return detail::run([&](struct enoki_error *err) {
            return enoki_state_remove(state_, id.c_str(), &expect, err);
        });
    }
    /* The new item's id. */
    result<std::string> try_append(view value) const
    {
        char id[ENOKI_APPEND_ID_BYTES];
        return detail::run<std::string>(
            [&](struct enoki_error *err) {
                return enoki_state_append(state_, value.data(), value.size(), id, err);
            },
            [&] { return std::string(id); });
    }

    /*
     * change decide(const items_view &siblings), which may be called several times. An exception
     * that it throws writes nothing and comes out of here, of try_modify too.
     */
    template <typename Decide> outcome try_modify(const std::string &id, Decide &&decide) const
    {
        decision<Decide> context{decide};
        outcome done = detail::run([&](struct enoki_error *err) {
            return enoki_state_modify(state_, id.c_str(), decision<Decide>::call, &context, err);
        });
#if defined(__cpp_exceptions)
        if (context.thrown)
            std::rethrow_exception(context.thrown);
#endif
        return done;
    }

#if defined(__cpp_exceptions)
    items read(const std::string &id) const
    {
        return try_read(id).value();
    }
    items find(const std::string &id) const
    {
        return try_find(id).value();
    }
    items scan(const std::string &start, std::uint64_t count) const
    {
        return try_scan(start, count).value();
    }
    items keys(const std::string &start, std::uint64_t count) const
    {
        return try_keys(start, count).value();
    }
    void update(const std::string &id, view value) const
    {
        try_update(id, value).value();
    }
    void update(const std::string &id, view value, const items_view &expected) const
    {
        try_update(id, value, expected).value();
    }
    void remove(const std::string &id) const
    {
        try_remove(id).value();
    }
    void remove(const std::string &id, const items_view &expected) const
    {
        try_remove(id, expected).value();
    }
    std::string append(view value) const
    {
        return try_append(value).value();
    }
    template <typename Decide> void modify(const std::string &id, Decide &&decide) const
    {
        try_modify(id, std::forward<Decide>(decide)).value();
    }
#endif

  protected:
    struct enoki_state *state_;

  private:
    template <typename Call> static result<items> list(Call &&call)
    {
        struct enoki_items *out = nullptr;
        return detail::run<items>([&](struct enoki_error *err) { return call(&out, err); },
                                  [&] { return items(out); });
    }

    /* Takes a C++ callable through the C interface; no exception may cross that. */
    template <typename Decide> struct decision {
        Decide &decide;
        std::optional<change> made = std::nullopt;
#if defined(__cpp_exceptions)
        std::exception_ptr thrown = nullptr;
#endif

        int ask(const struct enoki_items *siblings, const void **value_out, size_t *len_out)
        {
            made.emplace(decide(items_view(siblings)));
            *value_out = made->value().data();
            *len_out = made->value().size();
            return made->what();
        }

        static int call(void *context, const struct enoki_items *siblings, const void **value_out,
                        size_t *len_out, struct enoki_error *err)
        {
            auto *self = static_cast<decision *>(context);
#if defined(__cpp_exceptions)
            try {
                return self->ask(siblings, value_out, len_out);
            } catch (...) {
                self->thrown = std::current_exception();
                return enoki_error_set(err, ENOKI_EFUNCTION, "the callback threw");
            }
#else
            (void)err;
            return self->ask(siblings, value_out, len_out);
#endif
        }
    };
};

/* Owns its handle; movable. */
class state : public state_ref
{
  public:
    state(state &&other) noexcept : state_ref(std::exchange(other.state_, nullptr))
    {
    }
    state &operator=(state &&other) noexcept
    {
        std::swap(state_, other.state_);
        return *this;
    }
    ~state()
    {
        enoki_state_free(state_);
    }

    static result<state> try_open(const state_options &from)
    {
        struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
        struct enoki_state *out = nullptr;

        if (!from.uri.empty())
            options.uri = from.uri.c_str();
        options.keygroup = from.keygroup.empty() ? nullptr : from.keygroup.c_str();
        options.node = from.node.empty() ? nullptr : from.node.c_str();
        options.kind = static_cast<enum enoki_keygroup_kind>(from.kind);
        options.max_value_bytes = from.max_value_bytes;
        options.must_exist = from.must_exist ? 1 : 0;
        options.timeout_ms = from.timeout_ms;
        return detail::run<state>(
            [&](struct enoki_error *err) { return enoki_state_open(&out, &options, err); },
            [&] { return state(out); });
    }
#if defined(__cpp_exceptions)
    static state open(const state_options &from)
    {
        return try_open(from).value();
    }
#endif

  private:
    explicit state(struct enoki_state *handle) noexcept : state_ref(handle)
    {
    }
};

} // namespace enoki

#endif
