Open the link a few minutes before the start, on a phone, tablet or computer.
You need no login, and there is nothing to install.
The interview begins by itself. If you are early, the page counts down.
The link is yours alone: please do not pass it on.
