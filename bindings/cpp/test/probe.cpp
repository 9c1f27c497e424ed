// A function that shows what function.hpp hands it, and fails in every way that it can.
#include <enoki/function.hpp>
#include <enoki/invoke.hpp>

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
        if (what == "invoke") {
            pass(call);
            return;
        }
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
    static void pass(enoki::call &call)
    {
        enoki::request request;
        request.method = "PUT";
        request.path = "/below";
        request.body = "passed on";
        request.content_type = "text/x-own";
        request.headers = {{"X-One", "1"}};
        request.timeout = std::chrono::seconds(20);
        const enoki::answer answer = enoki::invoke(call, "other", request);
        const enoki::result<enoki::answer> none = enoki::try_invoke(call.env(), "nobody");
        call.status(answer.status());
        call.reply(answer.body().str() + "|" + std::string(answer.content_type()) + "|" +
                   std::string(answer.header("x-back").value_or("none")) + "|" +
                   (none ? "found" : enoki_error_name(none.failure().status)));
    }

    int calls_ = 0;
};
ENOKI_CPP_FUNCTION(probe)
