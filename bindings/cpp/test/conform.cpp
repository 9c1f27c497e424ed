// The function that all hosts are tested with (bindings/test/test_hosts.py), in C++.
#include <enoki/function.hpp>
#include <enoki/state.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace
{

std::string count(enoki::call &call)
{
    std::string sum;

    call.state().modify("n", [&](const enoki::items_view &found) {
        sum = found.empty() ? "1" : std::to_string(std::stoi(found[0].value().str()) + 1);
        return enoki::change::write(sum);
    });
    return sum;
}

struct conform {
    void operator()(enoki::call &call)
    {
        const std::string what(call.body());

        if (what == "do:fail")
            throw std::runtime_error("bad luck");
        if (what == "do:crash")
            std::abort();
        if (what == "do:loop")
            for (volatile int turns = 0;; turns = turns + 1)
                ;
        if (what == "do:log") {
            (void)std::puts("logged by the function");
            (void)std::fflush(stdout);
        }
        if (what == "do:header")
            call.reply(std::string(call.header("x-some").value_or("none")));
        else if (what == "do:count")
            call.reply(count(call));
        else
            call.reply(what);
    }
};

} // namespace

ENOKI_CPP_FUNCTION(conform)
