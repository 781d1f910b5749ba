#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs unit tests by name, and writes `NAME OUTCOME`, one a line, to the file $OUTCOMES.
A test that hangs is an error after TEST_SECONDS; the next ones run all the same."""
import os
import signal
import sys
import unittest


TEST_SECONDS = 20


def hangs(signo, frame):
    raise TimeoutError(f"it hangs: {TEST_SECONDS} s")


class Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.out = open(os.environ["OUTCOMES"], "a", buffering=1)

    def startTest(self, test):
        super().startTest(test)
        signal.setitimer(signal.ITIMER_REAL, TEST_SECONDS, 5)  # again, if the test catches the signal

    def stopTest(self, test):
        signal.setitimer(signal.ITIMER_REAL, 0)
        super().stopTest(test)

    def say(self, test, outcome):
        print(test.id().replace(" ", "_"), outcome, file=self.out)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(test, "failed")

    def addError(self, test, err):
        super().addError(test, err)
        self.say(test, "error")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say(test, "skipped")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.say(test, "failed")


signal.signal(signal.SIGALRM, hangs)
unittest.main(module=None, argv=sys.argv,
              testRunner=unittest.TextTestRunner(resultclass=Result, verbosity=2))
