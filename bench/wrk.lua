-- Requests of one user: the paths in the file BENCH_PATHS, in turn, with the token BENCH_TOKEN and what BENCH_ACCEPT says they accept. Prints one line of JSON.
local requests, at = {}, 0

function init()
    local headers = {}
    if os.getenv("BENCH_TOKEN") then
        headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
    end
    headers["Accept"] = os.getenv("BENCH_ACCEPT")
    for path in io.lines(os.getenv("BENCH_PATHS")) do
        requests[#requests + 1] = wrk.format("GET", path, headers)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('BENCH {"requests":%d,"us":%d,"bytes":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
        summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99)))
end
