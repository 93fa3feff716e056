-- Puts the shader that suits what is played into glsl-shaders, and a smaller one when frames drop.
--
-- Written by `shadergen install --auto`, removed by `shadergen install --uninstall`. What suits what is said by the
-- profiles of shadergen.conf, in mpv's folder; the keys are at the end of this file, with their names for input.conf.

local mp = require "mp"
local utils = require "mp.utils"

local options = {
    steps = "",           -- what to play with, the best first: words such as C4F32+C4F16_Chroma, a file or more each
    steps_fast = "",      -- the same for high frame rates and large pictures
    rate = "",            -- normal: steps, fast: steps_fast, off: no shader; empty until a profile has said it
    source = "",          -- clean, or compressed: files that remove compression, whose names have _DS; empty as well
    suffix = "",          -- of the files for vo=gpu-next on Vulkan and Direct3D 11
    fallback = "",        -- of the files for everything else
    scale = 1.2,          -- nothing is done for a picture that is shown at no more than so many times its size
    up_after = 30,        -- seconds without a dropped frame after which a better step is tried again
    osd = true,           -- whether a change is told on the screen
}

local TICK = 0.5          -- seconds between two looks at the counters
local SETTLE = 1.0        -- seconds that count for nothing after a seek, a pause or a change
local WINDOW = 4          -- ticks in which drops are added up
local SHARE = 0.05        -- of the frames of a window: as many drops are too many,
local FEW = 3             -- where they are more than so few
local STALLS = 3          -- standing still so often since the last change is too slow as well
local TRIALS = 2          -- how often a step may be too slow before it is left alone

local enabled = true
local pinned = false      -- a key chose the step, so nothing else does until another file is opened
local steps = {}          -- what suits the file that is played, the best first; behind the last step comes none
local level = 1
local renewed = true      -- whether the step is to be chosen anew
local own = {}            -- the entries of glsl-shaders that are this script's
local trials = {}         -- how often a step was too slow, by step, size and frame rate
local missing = {}        -- files of steps that are not there, and were told

local decide              -- the function below that looks at everything and chooses

require("mp.options").read_options(options, "shadergen", function() decide() end)

-- ---------------------------------------------------------------------------------------------------------------------
-- What is played, and where

-- The part of the name that says for which devices a file is; nil where the window does not run shaders.
local function suffix()
    local vo = mp.get_property("current-vo")
    if vo == "gpu-next" then
        -- mpv 0.38 and newer know what they draw with, older ones what they were asked for.
        local context = mp.get_property("current-gpu-context") or mp.get_property("gpu-api") or ""
        if context:find("vk$") or context == "vulkan" or context == "d3d11" then return options.suffix end
    elseif vo ~= "gpu" and vo ~= "libmpv" then
        return nil
    end
    return options.fallback
end

-- How many times its size the picture is shown, by the smaller of both factors; 0 without a picture.
local function enlargement()
    local video, window = mp.get_property_native("video-params"), mp.get_property_native("osd-dimensions")
    if not video or not window or not video.w or window.w == 0 then return 0 end
    local w, h = video.w, video.h
    if (video.rotate or 0) % 180 == 90 then w, h = h, w end
    return math.min((window.w - window.ml - window.mr) / w, (window.h - window.mt - window.mb) / h)
end

-- Whether mpv's folder has all files of a step. With one that it lacks mpv would show the picture without shaders.
local function is_there(step)
    for _, file in ipairs(step.files) do
        if not utils.file_info(mp.command_native({"expand-path", file})) then
            if not missing[file] then
                mp.msg.warn(string.format("the step %s is left out: found no %s", step.name, file))
            end
            missing[file] = true
            return false
        end
    end
    return true
end

local function read_steps(ending)
    local found = {}
    if options.source == "" then return found end
    local words = options.rate == "normal" and options.steps or options.rate == "fast" and options.steps_fast or ""
    for word in words:gmatch("%S+") do
        local step = {name = word, files = {}}
        for model in word:gmatch("[^+]+") do
            local restores = options.source == "compressed" and not model:find("_Chroma")
            local file = "~~/shaders/" .. model .. (restores and "_DS" or "") .. ending .. ".glsl"
            table.insert(step.files, file)
            own[file] = true
        end
        if is_there(step) then table.insert(found, step) end
    end
    return found
end

-- Under which the trials of a step are counted.
local function key(step)
    local video = mp.get_property_native("video-params") or {}
    local rate = mp.get_property_number("container-fps", 0)
    return string.format("%s at %sx%s, %.0f", table.concat(step.files, "+"), video.w, video.h, rate)
end

-- The best step that has not been too slow too often.
local function first()
    for number, step in ipairs(steps) do
        if (trials[key(step)] or 0) < TRIALS then return number end
    end
    return #steps + 1
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Watching for dropped frames

local started_at, settled_at, last_drop, stalls = 0, 0, 0, 0
local seen = {}           -- the counter at the end of each tick of the window, the newest last
local frame               -- the number of the frame that was shown at the last tick
local standing = 0        -- ticks since it changed

local function settle()
    started_at, last_drop = mp.get_time(), mp.get_time()
    settled_at = started_at + SETTLE
    seen, stalls, standing, frame = {}, 0, 0, nil
end

local function dropped()
    return mp.get_property_number("frame-drop-count", 0) + mp.get_property_number("vo-delayed-frame-count", 0)
end

-- Whether frames were dropped lately, so many that it shows.
local function too_slow()
    local now = mp.get_property_number("estimated-frame-number", 0)
    standing = now == frame and standing + 1 or 0
    frame = now
    if standing >= 2 then
        -- Nothing moves: the driver compiles. What is dropped to catch up counts for nothing.
        if standing == 2 then stalls = stalls + 1 end
        settled_at, seen = mp.get_time() + SETTLE, {}
        return stalls >= STALLS
    end
    if mp.get_time() < settled_at then return false end
    table.insert(seen, dropped())
    if #seen > WINDOW + 1 then table.remove(seen, 1) end
    if #seen > 1 and seen[#seen] > seen[#seen - 1] then last_drop = mp.get_time() end
    local frames = mp.get_property_number("container-fps", 24) * WINDOW * TICK
    return seen[#seen] - seen[1] >= math.max(FEW, SHARE * frames)
end

-- ---------------------------------------------------------------------------------------------------------------------
-- Choosing

local function say(text)
    mp.msg.info(text)
    if options.osd then mp.osd_message("shadergen: " .. text, 3) end
end

local function name(number)
    return steps[number] and steps[number].name or "no shader"
end

-- Make glsl-shaders hold the step's files, behind what others have put there.
local function apply()
    local files = {}
    local shown = enabled and steps[level] and enlargement() > options.scale
    if shown then files = steps[level].files end
    local before, after = mp.get_property_native("glsl-shaders", {}), {}
    for _, file in ipairs(before) do
        if not own[file] then table.insert(after, file) end
    end
    for _, file in ipairs(files) do table.insert(after, file) end
    if table.concat(before, "\n") ~= table.concat(after, "\n") then
        mp.set_property_native("glsl-shaders", after)
        settle()
    end
end

local function same(one, other)
    if #one ~= #other then return false end
    for number, step in ipairs(one) do
        if table.concat(step.files, "+") ~= table.concat(other[number].files, "+") then return false end
    end
    return true
end

local function choose()
    local ending = suffix()
    local found = ending and enlargement() > 0 and read_steps(ending) or {}
    if renewed or not same(found, steps) then
        steps = found
        if not pinned then level = first() end
        renewed = enlargement() == 0
    end
    apply()
end

-- Several things change at once when a file is opened or a window is dragged: wait until they have.
local soon = mp.add_timeout(0.2, choose)
decide = function()
    soon:kill()
    soon:resume()
end

-- Back to what suits the file: what was watched before does not count any more.
local function restore()
    renewed = true
    settle()
    decide()
end

local function watch()
    if not steps[1] or not enabled or pinned or enlargement() <= options.scale then return end
    if mp.get_property_bool("pause") or mp.get_property_bool("seeking") or mp.get_property_bool("core-idle") then
        settle()
    elseif too_slow() then
        if not steps[level] then return end
        local slow = level
        trials[key(steps[slow])] = (trials[key(steps[slow])] or 0) + 1
        mp.msg.verbose(string.format("%.1f s after it began", mp.get_time() - started_at))
        repeat level = level + 1 until not steps[level] or (trials[key(steps[level])] or 0) < TRIALS
        apply()
        say(string.format("frames were dropped with %s, now %s", name(slow), name(level)))
    elseif level > first() and mp.get_time() - last_drop > options.up_after then
        level = level - 1
        while (trials[key(steps[level])] or 0) >= TRIALS do level = level - 1 end
        apply()
        say(string.format("no frames were dropped for %g s, now %s", options.up_after, name(level)))
    end
end

local ticks = mp.add_periodic_timer(TICK, watch)
mp.observe_property("video-params", "native", function() decide() end)
mp.observe_property("osd-dimensions", "native", function() decide() end)
mp.observe_property("current-vo", "string", function() decide() end)
mp.register_event("seek", restore)
mp.register_event("playback-restart", settle)
mp.register_event("start-file", function()
    pinned = false
    restore()
end)
mp.register_event("end-file", function() decide() end)
mp.register_event("shutdown", function() ticks:kill() end)

-- ---------------------------------------------------------------------------------------------------------------------
-- Keys

local function pin(change)
    pinned, enabled = true, true
    level = math.max(1, math.min(#steps + 1, level + change))
    apply()
    say(name(level))
end

mp.add_key_binding("Ctrl+,", "smaller", function() pin(1) end)
mp.add_key_binding("Ctrl+.", "larger", function() pin(-1) end)
mp.add_key_binding("Ctrl+0", "toggle", function()
    enabled, pinned = not enabled, false
    trials = {}
    level = first()
    apply()
    local shown = enabled and enlargement() <= options.scale and " (off: the picture is hardly enlarged)" or ""
    say(enabled and name(level) .. shown or "off")
end)
