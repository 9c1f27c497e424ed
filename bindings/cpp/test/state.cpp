// The classes of state.hpp against an embedded store; run in an empty folder.
#include <enoki/state.hpp>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                        \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

static enoki::state open_demo(enoki::kind kind = enoki::kind::any, const char *name = "demo")
{
    enoki::state_options options;
    options.uri = "embedded:./enoki-state?durability=process";
    options.keygroup = name;
    options.kind = kind;
    auto opened = enoki::state::try_open(options);
    CHECK(opened);
    return std::move(*opened);
}

static void items_come_with_their_versions()
{
    enoki::state state = open_demo();
    CHECK(state.try_update("a", "one"));
    CHECK(state.try_update("b", std::string("two\0three", 9)));
    CHECK(state.try_update("c", std::vector<unsigned char>{1, 2}));
    auto read = state.try_read("b");
    CHECK(read && read->size() == 1);
    CHECK((*read)[0].value() == enoki::view("two\0three", 9));
    CHECK((*read)[0].version().str() == "local=1");
    auto all = state.try_scan("a", 10);
    CHECK(all && all->size() == 3);
    std::string ids;
    for (const enoki::item item : *all)
        ids.append(item.id());
    CHECK(ids == "abc");
    auto keys = state.try_keys("", 2);
    CHECK(keys && keys->size() == 2 && (*keys)[0].value().empty());
}

static void what_is_missing_is_told_apart()
{
    enoki::state state = open_demo();
    CHECK(state.try_read("nothing").status() == ENOKI_ENOTFOUND);
    auto found = state.try_find("nothing");
    CHECK(found && found->empty());
    auto wrong = state.try_read("not an id");
    CHECK(wrong.status() == ENOKI_EINVAL);
    CHECK(wrong.failure().message.find("'not an id'") != std::string::npos);
    CHECK(state.try_append("x").status() == ENOKI_EKIND);
}

static void expected_versions_guard_a_write()
{
    enoki::state state = open_demo();
    CHECK(state.try_update("guarded", "1", enoki::items_view()));
    auto before = state.try_read("guarded");
    CHECK(state.try_update("guarded", "2", *before));
    CHECK(state.try_update("guarded", "3", *before).status() == ENOKI_ECONFLICT);
    CHECK(state.try_remove("guarded", *before).status() == ENOKI_ECONFLICT);
    CHECK(state.try_remove("guarded"));
    CHECK(state.try_find("guarded")->empty());
    CHECK(enoki::compare((*before)[0].version(), (*before)[0].version()) == enoki::order::equal);
}

static void modify_reads_merges_and_writes()
{
    enoki::state state = open_demo();
    for (int i = 0; i < 3; i++)
        CHECK(state.try_modify("count", [](const enoki::items_view &siblings) {
            const long old = siblings.empty() ? 0 : std::atol(siblings[0].value().data());
            return enoki::change::write(std::to_string(old + 1));
        }));
    CHECK((*state.try_read("count"))[0].value() == "3");
    CHECK(state.try_modify("count", [](const auto &) { return enoki::change::keep(); }));
    CHECK(state.try_modify("count", [](const auto &) { return enoki::change::remove(); }));
    CHECK(state.try_find("count")->empty());
}

static void owners_move()
{
    enoki::state first = open_demo();
    enoki::state second = std::move(first);
    CHECK(second.try_update("moved", "yes"));
    auto read = second.try_read("moved");
    enoki::items items = std::move(*read);
    enoki::items again;
    again = std::move(items);
    CHECK(items.empty() && again.size() == 1 && again[0].value() == "yes");
    enoki::state log = open_demo(enoki::kind::append_only, "log");
    auto id = log.try_append("line");
    CHECK(id && (*log.try_read(*id))[0].value() == "line");
    CHECK(log.kind() == enoki::kind::append_only && log.keygroup() == "log");
}

#if defined(__cpp_exceptions)
static void failures_are_thrown()
{
    enoki::state state = open_demo();
    state.update("greeting", "hello");
    CHECK(state.read("greeting")[0].value().text() == "hello");
    try {
        state.read("nothing");
        CHECK(!"reached");
    } catch (const enoki::error &error) {
        CHECK(error.status() == ENOKI_ENOTFOUND && std::string(error.what()) != "");
    }
    try {
        state.modify("greeting", [](const auto &) -> enoki::change { throw 42; });
        CHECK(!"reached");
    } catch (int thrown) {
        CHECK(thrown == 42);
    }
    CHECK(state.read("greeting")[0].value() == "hello");
}
#endif

int main()
{
    items_come_with_their_versions();
    what_is_missing_is_told_apart();
    expected_versions_guard_a_write();
    modify_reads_merges_and_writes();
    owners_move();
#if defined(__cpp_exceptions)
    failures_are_thrown();
#endif
    std::cout << "ok\n";
    return 0;
}
