"""Handles events in a gdb session of `cargo kt debug`. gdb sources it with `kt_session` set."""

import gdb
import os
import re
import threading
import traceback

# What `kt::breakpoint!()` compiles to: kt-runtime/src/breakpoint/trap.rs.
MARKERS = {
    "i386:x86-64": (-1, b"\xcc\x0f\x1f\x84\x00ktbp"),
    "aarch64": (0, (0xD4200000 | (0x6B74 << 5)).to_bytes(4, "little")),
}

# Parts of the paths of sources outside the workspace.
EXTERNAL_SOURCES = ("/rustc/", "/lib/rustlib/src/", "/registry/src/", "/git/checkouts/")

# Crates that are not user code, although their generic code is compiled into the user's objects.
NOT_USER_CODE = re.compile(
    r"^<?&?(mut )?(dyn )?(kt|kt_runtime|core|std|alloc|tokio|serde|serde_core|__rustc)::|^__?rust|__(kt_|Kt|private::)"
)


def is_user_code(frame):
    """Whether a frame is of the developer's own code."""
    function = frame.function()
    names = (frame.name(), function and function.linkage_name)
    if not names[0] or any(name and NOT_USER_CODE.search(name) for name in names):
        return False
    shared = gdb.current_progspace().solib_name(frame.pc())
    if not shared or os.path.basename(shared) not in kt_session["objects"]:
        return False
    symtab = frame.find_sal().symtab
    if symtab is None:
        return False
    return not any(part in symtab.filename for part in EXTERNAL_SOURCES)


def print_line(text):
    """Prints a line immediately: gdb buffers output to a pipe."""
    gdb.write(text + "\n")
    gdb.flush()


class UserCode:
    """Trims a backtrace to the developer's own code. `bt -no-filters` shows all frames."""

    name = "kt-user-code"
    priority = 100
    enabled = True
    LIMIT = 1000

    def filter(self, frames):
        kept = []
        for frame in frames:
            kept.append(frame)
            if len(kept) >= self.LIMIT:
                break
        users = [index for index, frame in enumerate(kept) if is_user_code(frame.inferior_frame())]
        if not users:
            return iter(kept)
        return iter(kept[users[0] : users[-1] + 1])


class Continue(gdb.Command):
    """Continue the selected thread; other threads keep running. The prompt returns immediately."""

    # In the foreground gdb would wait until this thread stops again, which never happens
    # if its call returns.

    def __init__(self):
        super().__init__("continue", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        # Same as `continue &`; this class replaces `continue`.
        gdb.execute("signal 0 &", to_string=True)
        if from_tty:
            print_line("kt: the call continues; `quit` exits the debugger")


class Session:
    def __init__(self, config):
        self.config = config
        self.batch = config["batch"]
        self.attached = False
        self.stopped = False
        self.leader_released = False

    def start(self):
        gdb.frame_filters[UserCode.name] = UserCode()
        gdb.events.stop.connect(self.on_stop)
        gdb.events.exited.connect(self.on_exit)
        gdb.events.new_objfile.connect(self.on_objfile)
        if self.config["interactive"]:
            Continue()
        if self.batch:
            timer = threading.Timer(self.config["timeout_seconds"], lambda: gdb.post_event(self.give_up))
            timer.daemon = True
            timer.start()

    # Events

    def on_stop(self, event):
        try:
            self.stop(event)
        except Exception:
            # gdb ignores exceptions in handlers, and a batch would wait forever.
            traceback.print_exc()
            self.finish(1)

    def stop(self, event):
        thread = getattr(event, "inferior_thread", None) or gdb.selected_thread()
        if thread is None:
            return
        at_marker = self.is_at_marker(thread)
        # gdb stops threads with SIGSTOP to attach, and the event may arrive late.
        is_signal = isinstance(event, gdb.SignalEvent) and event.stop_signal != "SIGSTOP"
        if isinstance(event, gdb.BreakpointEvent) or at_marker or is_signal:
            first, self.stopped = not self.stopped, True
            if first or not self.batch:
                gdb.post_event(lambda: self.show(thread, first))
        elif not self.leader_released and not self.stopped:
            # gdb stops the first thread to attach, and does not always continue it.
            self.leader_released = True
            gdb.post_event(lambda: self.release(thread))

    def on_objfile(self, _event):
        """gdb has attached once it knows all objects. Posted events run after it set its breakpoints."""
        names = {os.path.basename(objfile.filename or "") for objfile in gdb.objfiles()}
        if not self.attached and names.issuperset(self.config["objects"]):
            self.attached = True
            gdb.post_event(lambda: print_line("kt: attached to the worker of %s" % self.config["service"]))

    def on_exit(self, _event):
        # Also called on detach: gdb itself reports that to users, and a batch detaches last.
        if self.batch:
            print_line("kt: the worker of %s exited" % self.config["service"])
            gdb.post_event(lambda: self.finish(1))

    # Actions, outside the handlers

    def show(self, thread, first):
        if not thread.is_valid() or not thread.is_stopped():
            return
        thread.switch()
        # gdb has printed the innermost frame.
        if self.select_user_frame() and not self.batch:
            gdb.execute("frame")
        self.print_missing_variables()
        if self.config["interactive"]:
            # gdb printed its prompt earlier, and does not repeat it after background events.
            gdb.write(gdb.parameter("prompt"))
            gdb.flush()
        if first and self.batch:
            self.run_batch()

    def give_up(self):
        if not self.stopped:
            print_line("error: no call reached a breakpoint within %s" % self.config["timeout"])
            self.finish(1)

    def release(self, thread):
        if not thread.is_valid() or not thread.is_stopped():
            return
        selected = gdb.selected_thread()
        thread.switch()
        gdb.execute("signal 0 &", to_string=True)
        if selected is not None and selected.is_valid():
            selected.switch()

    def select_user_frame(self):
        """Selects the innermost user frame. Returns whether it is not the innermost frame of all."""
        frame = gdb.newest_frame()
        for level in range(64):
            if frame is None:
                break
            if is_user_code(frame):
                frame.select()
                return level > 0
            frame = frame.older()
        return False

    def print_missing_variables(self):
        """Prints a note if the compiler removed variables."""
        try:
            block = gdb.selected_frame().block()
        except RuntimeError:
            print_line(
                "kt: note: this code has no debug information for variables\n"
                "help: run the program again: `cargo kt run` builds crates that use `kt::breakpoint!()` with full debug information"
            )
            return
        missing = set()
        while block is not None:
            for symbol in block:
                if symbol.is_variable or symbol.is_argument:
                    try:
                        if symbol.value(gdb.selected_frame()).is_optimized_out:
                            missing.add(symbol.name)
                    except gdb.error:
                        missing.add(symbol.name)
            if block.function is not None:
                break
            block = block.superblock
        if missing:
            print_line(
                "kt: note: optimized out at this location: %s\n"
                "help: build with `opt-level = 0` to keep all variables" % ", ".join(sorted(missing))
            )

    def run_batch(self):
        commands = list(self.config["commands"])
        # Redundant at the end: the debugger detaches anyway.
        while commands and commands[-1].strip() in ("continue", "c", "detach", "quit", "q"):
            commands.pop()
        self.commands = commands
        # As if typed: commands executed within an event do not wait for a step to finish.
        # Standard input is a pipe, and gdb also holds its write end.
        with open("/proc/self/fd/0", "w") as typed:
            for index in range(len(commands)):
                typed.write("python kt.run(%d)\n" % index)
            typed.write("python kt.finish(0)\n")

    def run(self, index):
        command = self.commands[index]
        try:
            gdb.execute(command)
        except gdb.error as error:
            print_line("error: %s: %s" % (command, error))
            self.finish(1)

    def finish(self, status):
        try:
            gdb.execute("detach", to_string=True)
        except gdb.error:
            # The worker exited.
            pass
        gdb.flush()
        # Skips gdb's cleanup: gdb 13 crashes when it finalizes Python with an event handler.
        os._exit(status)

    def is_at_marker(self, thread):
        selected = gdb.selected_thread()
        try:
            thread.switch()
            frame = gdb.newest_frame()
            marker = MARKERS.get(frame.architecture().name())
            if marker is None:
                return False
            offset, expected = marker
            found = gdb.selected_inferior().read_memory(frame.pc() + offset, len(expected))
            return found.tobytes() == expected
        except gdb.error:
            return False
        finally:
            if selected is not None and selected.is_valid():
                selected.switch()


kt = Session(kt_session)
kt.start()
