// movingaverage in C++: the mean of a sensor's last WINDOW readings (a variable, 10 unless set).
// Input, output and items are those of testing/functions/movingaverage.c, which explains them; one
// can take over the other's data.
#include <enoki/function.hpp>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace
{

constexpr std::uint64_t window_default = 10, window_max = 10000, sensors = 1000;

struct reading {
    std::string prefix; // what the ids of this sensor start with
    double value;
};

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::size_t count_digits(std::string_view text)
{
    std::size_t count = 0;
    while (count < text.size() && is_digit(text[count]))
        count++;
    return count;
}

// "-12.5" and the like, and nothing around it.
std::optional<double> parse_value(std::string_view text)
{
    std::string_view rest = text.substr(!text.empty() && text[0] == '-' ? 1 : 0);
    const std::size_t whole = count_digits(rest);
    if (whole == 0)
        return std::nullopt;
    rest.remove_prefix(whole);
    if (!rest.empty() && rest[0] == '.') {
        const std::size_t decimals = count_digits(rest.substr(1));
        if (decimals == 0)
            return std::nullopt;
        rest.remove_prefix(1 + decimals);
    }
    const double value = std::strtod(std::string(text).c_str(), nullptr);
    if (!rest.empty() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

// VALUE or SENSOR-VALUE.
std::optional<reading> parse_reading(std::string_view body)
{
    const std::size_t digits = count_digits(body);
    std::string prefix = "nosensor";
    if (digits > 0 && digits < body.size() && body[digits] == '-') {
        std::uint64_t sensor = sensors;
        std::from_chars(body.data(), body.data() + digits, sensor);
        if (sensor >= sensors)
            return std::nullopt;
        char text[16];
        std::snprintf(text, sizeof(text), "sensor%03u", static_cast<unsigned>(sensor));
        prefix = text;
        body.remove_prefix(digits + 1);
    }
    const std::optional<double> value = parse_value(body);
    if (!value)
        return std::nullopt;
    return reading{prefix, *value};
}

std::uint64_t parse_number(std::string_view text)
{
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string shortest(double value)
{
    char text[400];
    // Without an exponent where people would not write one.
    const bool plain = value == 0 || (std::abs(value) >= 1e-4 && std::abs(value) < 1e16);
    const auto end =
        std::to_chars(text, text + sizeof(text), value,
                      plain ? std::chars_format::fixed : std::chars_format::scientific);
    return std::string(text, end.ptr);
}

class movingaverage
{
  public:
    explicit movingaverage(const enoki::env &env)
    {
        const auto text = env.variable("WINDOW");
        if (!text)
            return;
        const auto end = std::from_chars(text->data(), text->data() + text->size(), window_);
        if (end.ec != std::errc() || end.ptr != text->data() + text->size() || window_ < 1 ||
            window_ > window_max)
            throw enoki::error(ENOKI_EINVAL, "WINDOW is '" + std::string(*text) +
                                                 "'; use a number from 1 to " +
                                                 std::to_string(window_max));
    }

    void operator()(enoki::call &call)
    {
        const std::optional<reading> now = parse_reading(call.body());
        if (!now) {
            call.status(400);
            call.reply("send VALUE or SENSOR-VALUE: VALUE is a decimal number such as 39.4 or -5, "
                       "SENSOR a number from 0 to 999\n");
            return;
        }
        const enoki::state_ref state = call.state();
        const std::uint64_t number = take_number(state, now->prefix + "next");
        store(state, *now, number);
        call.reply(shortest(mean(state, *now, number)));
    }

  private:
    static std::uint64_t take_number(const enoki::state_ref &state, const std::string &id)
    {
        std::uint64_t number = 0;
        state.modify(id, [&](const enoki::items_view &siblings) {
            // Nodes that counted without seeing each other: go on from the furthest.
            number = 0;
            for (const enoki::item sibling : siblings)
                number = std::max(number, parse_number(sibling.value()));
            return enoki::change::write(std::to_string(number + 1));
        });
        return number;
    }

    static std::string slot(const std::string &prefix, std::uint64_t index)
    {
        char text[24];
        std::snprintf(text, sizeof(text), "r%04u", static_cast<unsigned>(index));
        return prefix + text;
    }

    void store(const enoki::state_ref &state, const reading &now, std::uint64_t number) const
    {
        char value[64];
        std::snprintf(value, sizeof(value), "%llu %.17g", static_cast<unsigned long long>(number),
                      now.value);
        state.update(slot(now.prefix, number % window_), value);
    }

    double mean(const enoki::state_ref &state, const reading &now, std::uint64_t number) const
    {
        const std::uint64_t stored = number < window_ ? number + 1 : window_;
        // Wider than double: the order in which the ring holds the readings does not show.
        long double sum = now.value;
        std::uint64_t count = 1;

        const auto ring = state.try_scan(slot(now.prefix, 0), stored);
        // Slot 0 is another call's, which has its number but has not stored its reading yet.
        if (ring.status() == ENOKI_ENOTFOUND)
            return now.value;
        if (!ring)
            throw enoki::error(ring.failure());
        for (const enoki::item item : *ring) {
            // With a gap in the ring the scan runs on into the next sensor's items.
            if (item.id().substr(0, now.prefix.size() + 1) != now.prefix + "r")
                break;
            const std::string text = item.value().str();
            const std::uint64_t other = parse_number(text);
            if (other >= number || number - other >= window_)
                continue;
            sum += std::strtod(text.c_str() + text.find(' '), nullptr);
            count++;
        }
        return static_cast<double>(sum) / static_cast<double>(count);
    }

    std::uint64_t window_ = window_default;
};

} // namespace

ENOKI_CPP_FUNCTION(movingaverage)
