-- Sends pre-signed posts, one after the other: `wrk -s wrk_posts.lua URL -- FILE`.
-- FILE: first line the body; then one request per line: path, tab, header, tab, header …

local requests, at = {}, 0

function init(arguments)
  local body
  for line in io.lines(arguments[1]) do
    if not body then
      body = line
    else
      local path, headers
      for part in line:gmatch("[^\t]+") do
        if not path then
          path, headers = part, {}
        else
          local name, value = part:match("^([^:]+): (.*)$")
          headers[name] = value
        end
      end
      requests[#requests + 1] = wrk.format("POST", path, headers, body)
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
