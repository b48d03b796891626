% if opens_before:
The link opens {{opens_before}} before the start,
% else:
The link opens at the start,
% end
% if closes_with_end:
and you can begin until the interview ends.
% else:
and you can begin until {{closes_after}} after it.
% end
If you begin late, the end stays the same.
