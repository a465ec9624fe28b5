-- The places nearest to a point, by great-circle distance; and how often that was asked so far.
local asked = 0
local EARTH_RADIUS_KM = 6371.0088

local function distance(lat1, lon1, lat2, lon2)
  local phi1, phi2 = math.rad(lat1), math.rad(lat2)
  local a = math.sin((phi2 - phi1) / 2) ^ 2
    + math.cos(phi1) * math.cos(phi2) * math.sin(math.rad(lon2 - lon1) / 2) ^ 2
  return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(a))
end

return function(lat, lon, wanted)
  asked = asked + 1
  local nearest = {}
  for _, city in pairs(_home.cities) do
    local place = city.location
    local km = distance(lat, lon, place.lat, place.lon)
    local last = nearest[wanted]
    if not last or km < last.km then
      nearest[last and wanted or #nearest + 1] = { name = city.name, country = city.country, km = km }
      table.sort(nearest, function(a, b) return a.km < b.km end)
    end
  end
  return nearest, asked
end
