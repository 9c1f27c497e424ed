/*
 * values.hpp - what state.hpp and function.hpp speak of: errors, results, views of bytes, versions
 * and items.
 *
 * Errors   Every operation that can fail has two names: find() throws enoki::error, try_find()
 *          returns an enoki::result. With -fno-exceptions the throwing ones are not there.
 * Memory   A view borrows; what owns says so. Moving an owner keeps its views valid.
 * Threads  distinct objects are independent; one object, one thread at a time, but state.
 */
#ifndef ENOKI_VALUES_HPP
#define ENOKI_VALUES_HPP

#include <enoki/error.h>
#include <enoki/state.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>
#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

namespace enoki
{

/* --- errors ---------------------------------------------------------------------------------- */

/* A status of enoki/error.h and its sentence. */
struct failure {
    int status = ENOKI_EINVAL;
    std::string message;
};

#if defined(__cpp_exceptions)
class error : public std::runtime_error
{
  public:
    error(int status, const std::string &message) : std::runtime_error(message), status_(status)
    {
    }
    explicit error(const failure &why) : error(why.status, why.message)
    {
    }
    int status() const noexcept
    {
        return status_;
    }

  private:
    int status_;
};
#endif

/* A value, or why there is none. */
template <typename T> class [[nodiscard]] result
{
  public:
    result(T value) : content_(std::in_place_index<0>, std::move(value))
    {
    }
    result(enoki::failure why) : content_(std::in_place_index<1>, std::move(why))
    {
    }

    explicit operator bool() const noexcept
    {
        return content_.index() == 0;
    }
    bool has_value() const noexcept
    {
        return content_.index() == 0;
    }
    /* Only if there is one, as everywhere in the standard library. */
    T &operator*() &
    {
        return *std::get_if<0>(&content_);
    }
    const T &operator*() const &
    {
        return *std::get_if<0>(&content_);
    }
    T &&operator*() &&
    {
        return std::move(*std::get_if<0>(&content_));
    }
    T *operator->()
    {
        return std::get_if<0>(&content_);
    }
    const T *operator->() const
    {
        return std::get_if<0>(&content_);
    }
    /* Only if there is no value. */
    const enoki::failure &failure() const
    {
        return *std::get_if<1>(&content_);
    }
    int status() const noexcept
    {
        return has_value() ? 0 : failure().status;
    }

#if defined(__cpp_exceptions)
    T value() &&
    {
        if (!has_value())
            throw error(failure());
        return std::move(**this);
    }
#endif

  private:
    std::variant<T, enoki::failure> content_;
};

/* Of an operation that hands nothing out. */
using outcome = result<std::monostate>;

namespace detail
{

/* Runs a C call that fills an enoki_error, and makes T of what it left behind. */
template <typename T, typename Call, typename Make> result<T> run(Call &&call, Make &&make)
{
    struct enoki_error err;
    err.status = 0;
    err.message[0] = '\0';
    const int rc = call(&err);
    if (rc != 0)
        return failure{rc, err.message[0] != '\0' ? err.message : enoki_error_text(rc)};
    return make();
}

template <typename Call> outcome run(Call &&call)
{
    return run<std::monostate>(std::forward<Call>(call), [] { return std::monostate{}; });
}

} // namespace detail

/* --- bytes ----------------------------------------------------------------------------------- */

/* Borrowed bytes of any content: what std::span<const std::byte> is in later standards. */
class view
{
  public:
    constexpr view() noexcept = default;
    constexpr view(const char *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    view(const void *data, std::size_t size) noexcept
        : data_(static_cast<const char *>(data)), size_(size)
    {
    }
    constexpr view(std::string_view text) noexcept : data_(text.data()), size_(text.size())
    {
    }
    constexpr view(const char *text) noexcept : view(std::string_view(text))
    {
    }
    view(const std::string &text) noexcept : data_(text.data()), size_(text.size())
    {
    }
    template <typename Byte, typename = std::enable_if_t<sizeof(Byte) == 1>>
    view(const std::vector<Byte> &bytes) noexcept
        : data_(reinterpret_cast<const char *>(bytes.data())), size_(bytes.size())
    {
    }

    constexpr const char *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }
    constexpr const char *begin() const noexcept
    {
        return data_;
    }
    constexpr const char *end() const noexcept
    {
        return data_ + size_;
    }
    constexpr char operator[](std::size_t index) const noexcept
    {
        return data_[index];
    }

    constexpr std::string_view text() const noexcept
    {
        return {data_, size_};
    }
    constexpr operator std::string_view() const noexcept
    {
        return text();
    }
    std::string str() const
    {
        return std::string(data_, size_);
    }

  private:
    const char *data_ = "";
    std::size_t size_ = 0;
};

inline bool operator==(view a, view b) noexcept
{
    return a.text() == b.text();
}
inline bool operator!=(view a, view b) noexcept
{
    return a.text() != b.text();
}

/* --- versions -------------------------------------------------------------------------------- */

enum class order {
    equal = ENOKI_ORDER_EQUAL,
    before = ENOKI_ORDER_BEFORE,
    after = ENOKI_ORDER_AFTER,
    concurrent = ENOKI_ORDER_CONCURRENT,
};

/* A borrowed vector clock. */
class version_view
{
  public:
    explicit version_view(const struct enoki_version *version) noexcept : version_(version)
    {
    }

    struct entry {
        std::string_view node;
        std::uint64_t counter;
    };

    std::size_t size() const noexcept
    {
        return enoki_version_count(version_);
    }
    entry operator[](std::size_t index) const noexcept
    {
        std::uint64_t counter = 0;
        const char *node = enoki_version_node(version_, index, &counter);
        return {node, counter};
    }
    /* "node=counter,node=counter" */
    std::string str() const
    {
        std::string text;
        for (std::size_t i = 0; i < size(); i++) {
            const entry at = (*this)[i];
            text.append(i > 0 ? "," : "").append(at.node).append("=");
            text.append(std::to_string(at.counter));
        }
        return text;
    }
    const struct enoki_version *get() const noexcept
    {
        return version_;
    }

  private:
    const struct enoki_version *version_;
};

inline order compare(version_view a, version_view b) noexcept
{
    return static_cast<order>(enoki_version_compare(a.get(), b.get()));
}

/* --- items ----------------------------------------------------------------------------------- */

/* One version of one item; borrowed from its list. */
class item
{
  public:
    item(const struct enoki_items *items, std::size_t index) noexcept : items_(items), index_(index)
    {
    }

    std::string_view id() const noexcept
    {
        return enoki_items_id(items_, index_);
    }
    view value() const noexcept
    {
        std::size_t size = 0;
        const void *data = enoki_items_value(items_, index_, &size);
        return {data, size};
    }
    version_view version() const noexcept
    {
        return version_view(enoki_items_version(items_, index_));
    }

  private:
    const struct enoki_items *items_;
    std::size_t index_;
};

/* A borrowed list: the siblings of one item, or what a scan found. */
class items_view
{
  public:
    items_view() noexcept = default;
    explicit items_view(const struct enoki_items *items) noexcept : items_(items)
    {
    }

    class iterator
    {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = item;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = item;

        iterator(const struct enoki_items *items, std::size_t index) noexcept
            : items_(items), index_(index)
        {
        }
        item operator*() const noexcept
        {
            return {items_, index_};
        }
        iterator &operator++() noexcept
        {
            index_++;
            return *this;
        }
        iterator operator++(int) noexcept
        {
            iterator before = *this;
            index_++;
            return before;
        }
        bool operator==(const iterator &other) const noexcept
        {
            return index_ == other.index_;
        }
        bool operator!=(const iterator &other) const noexcept
        {
            return index_ != other.index_;
        }

      private:
        const struct enoki_items *items_;
        std::size_t index_;
    };

    std::size_t size() const noexcept
    {
        return enoki_items_count(items_);
    }
    bool empty() const noexcept
    {
        return size() == 0;
    }
    /* index < size() */
    item operator[](std::size_t index) const noexcept
    {
        return {items_, index};
    }
    iterator begin() const noexcept
    {
        return {items_, 0};
    }
    iterator end() const noexcept
    {
        return {items_, size()};
    }
    /* The replica that answered is behind what this session has seen (stale=any). */
    bool is_stale() const noexcept
    {
        return enoki_items_is_stale(items_) != 0;
    }
    const struct enoki_items *get() const noexcept
    {
        return items_;
    }

  protected:
    const struct enoki_items *items_ = nullptr;
};

/* The list itself: owns. */
class items : public items_view
{
  public:
    items() noexcept = default;
    /* Takes over. */
    explicit items(struct enoki_items *list) noexcept : items_view(list), owned_(list)
    {
    }
    items(items &&other) noexcept : items_view(other.items_), owned_(std::move(other.owned_))
    {
        other.items_ = nullptr;
    }
    items &operator=(items &&other) noexcept
    {
        owned_ = std::move(other.owned_);
        items_ = std::exchange(other.items_, nullptr);
        return *this;
    }

  private:
    struct release {
        void operator()(struct enoki_items *list) const noexcept
        {
            enoki_items_free(list);
        }
    };
    std::unique_ptr<struct enoki_items, release> owned_;
};

} // namespace enoki

#endif
