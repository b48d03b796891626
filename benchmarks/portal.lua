-- wrk's requests: `page` with the cookies of a file, `exchange` with its links, `save` with cookies and their interviews.
local kind, lines, built, count = nil, {}, {}, 0

function init(args)
  kind = args[1]
  for line in io.lines(args[2]) do lines[#lines + 1] = line end
  -- Sequences grow from one run to the next, as a page's do.
  count = os.time() * 1000
  local host = "Host: 127.0.0.1:" .. wrk.port .. "\r\n"
  for number, line in ipairs(lines) do
    if kind == "page" then
      built[number] = "GET /interview HTTP/1.1\r\n" .. host .. "Cookie: iv=" .. line .. "\r\n\r\n"
    elseif kind == "exchange" then
      built[number] = "GET " .. line .. " HTTP/1.1\r\n" .. host .. "\r\n"
    else
      local cookie, interview = line:match("(%S+) (%S+)")
      built[number] = "PUT /api/interview/answers/1 HTTP/1.1\r\n" .. host .. "Cookie: iv=" .. cookie ..
        "\r\nX-Interview: " .. interview .. "\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\nContent-Length: "
    end
  end
end

function request()
  count = count + 1
  local number = count % #lines + 1
  if kind ~= "save" then return built[number] end
  local text = string.rep("I would ask the patient first. ", 20) .. count
  -- The largest revision: a page knows what it saved last, so that nothing must be kept beside the answer.
  local shape = '{"page":"bench-page-%08d","sequence":%d,"base_revision":2147483647,"text":"%s"}'
  local body = string.format(shape, number, count, text)
  return built[number] .. #body .. "\r\n\r\n" .. body
end
