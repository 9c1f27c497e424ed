// A function that shows what function.hpp hands it, and fails in every way that it can.
#include <enoki/function.hpp>

struct probe {
    static void preload(const enoki::env &env)
    {
        env.log(enoki::log_level::info, "preloaded");
    }

    void operator()(enoki::call &call)
    {
        const std::string_view what = call.body();
        if (what == "error")
            throw enoki::error(ENOKI_ESTALE, "thrown by hand");
        if (what == "exception")
            throw std::runtime_error("a plain exception");
        if (what == "other")
            throw 1;
        calls_++;
        call.status(201);
        call.set_header("X-Calls", std::to_string(calls_));
        std::string text = std::string(call.method()) + " " + std::string(call.path()) + " " +
                           std::string(call.query()) + " " +
                           std::string(call.header("x-in").value_or("none")) + " " +
                           std::string(call.env().name()) + "\n";
        call.reply(text);
    }

  private:
    int calls_ = 0;
};
ENOKI_CPP_FUNCTION(probe)
