% if link:
If something does not work, open the link once more.
If that does not help, reply to this mail, and we will sort it out with you.
Good luck!
% else:
If you have a question, reply to this mail.
% end
