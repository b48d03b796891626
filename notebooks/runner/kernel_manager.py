"""How papermill reaches a kernel that was started before it: nbclient finds it running and does not start another."""

import os
import time
from contextlib import suppress
from queue import Empty
from typing import Any

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Type

from notebooks.runner.private_kernel import PrivateKernel

_ASK_SECONDS, _OUTPUT_SECONDS = 1.0, 0.2


class Client(AsyncKernelClient):
    """As jupyter_client's own, but for how it learns that the kernel is up."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Asks until the kernel answers, and its outputs come through, too. Raises RuntimeError if it ends, or takes longer.

        jupyter_client's own then waits until nothing more has come for 0.2 s, which every run would wait for. What is left
        of the answer belongs to no cell, and nbclient drops it.
        """
        asked_at = time.monotonic()
        while timeout is None or time.monotonic() < asked_at + timeout:
            self.kernel_info()
            with suppress(Empty):
                await self.get_shell_msg(timeout=_ASK_SECONDS)
                await self.get_iopub_msg(timeout=_OUTPUT_SECONDS)
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")


def manager_of(kernel: PrivateKernel) -> type[AsyncKernelManager]:
    """The manager class to give to papermill for this kernel."""

    class Manager(AsyncKernelManager):
        client_factory = Type(Client)

        def __init__(self, **given: Any):
            super().__init__(**given, connection_file=str(kernel.connection_file))
            self.load_connection_file()
            self.provisioner = LocalProvisioner(
                kernel_id=str(kernel.process.pid), kernel_spec=self.kernel_spec, parent=self
            )
            self.provisioner.process = kernel.process
            self.provisioner.pid = self.provisioner.pgid = kernel.process.pid
            self.provisioner.cwd = os.getcwd()
            self.provisioner.connection_info = self.get_connection_info()

        async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
            # At once: waiting for a kernel to end by itself took 3.4 s in 4 of 60 runs.
            kernel.kill()
            await super().shutdown_kernel(now=True, restart=restart)

    return Manager
