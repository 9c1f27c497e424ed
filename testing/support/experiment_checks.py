"""What the experiments' functions answer, however they are run: call(text="") is (status, text), and
test a unittest.TestCase that compares. On a keygroup of their own, which is empty."""
import collections
import random


def refuses(test, call, inputs, form):
    for text in inputs:
        status, answer = call(text)
        test.assertEqual(status, 500)
        test.assertIn(form, answer)


def integer_counts_each_process_by_itself(test, call):
    test.assertEqual([call("7-10") for _ in range(3)], [(200, "1"), (200, "2"), (200, "3")])
    test.assertEqual([call("8"), call(), call()], [(200, "1"), (200, "1"), (200, "2")])
    refuses(test, call, ["a b", "-1"], "send PROCESS")


def read_writes_what_is_missing_and_reads_it_from_then_on(test, call):
    test.assertEqual([call("1-1000")[1] for _ in range(3)], ["write", "read", "read"])
    refuses(test, call, ["", "1", "1-0", "1-x", "-5"], "PROCESS-BYTES")


def write_stores_a_new_item_with_every_call(test, call):
    keys = [call("1-100000")[1] for _ in range(3)]
    test.assertEqual(len(set(keys)), 3)
    for key in keys:
        test.assertRegex(key, "^[0-9a-f]{32}$")


def movingaverage_is_the_mean_of_the_last_ten_of_that_process_alone(test, call):
    windows = collections.defaultdict(lambda: collections.deque(maxlen=10))
    source = random.Random(7)
    for _ in range(60):
        process, value = source.choice([1, 2, 10, 11]), round(source.uniform(-40, 110), 1)
        windows[process].append(value)
        status, answer = call(f"{process}-{value}")
        test.assertEqual(status, 200)
        test.assertAlmostEqual(float(answer), sum(windows[process]) / len(windows[process]))
    refuses(test, call, ["", "5", "x-5", "1-nan", "1000-5"], "PROCESS-VALUE")


def replication_hands_out_the_whole_value_that_was_stored_last(test, call):
    test.assertEqual(call(), (200, "No value yet"))
    test.assertEqual(call("0123456789abcdef"), (200, ""))
    test.assertEqual(call(), (200, "0123456789abcdef"))


CHECKS = {check.__name__.split("_")[0]: check for check in (
    integer_counts_each_process_by_itself, read_writes_what_is_missing_and_reads_it_from_then_on,
    write_stores_a_new_item_with_every_call,
    movingaverage_is_the_mean_of_the_last_ten_of_that_process_alone,
    replication_hands_out_the_whole_value_that_was_stored_last)}
