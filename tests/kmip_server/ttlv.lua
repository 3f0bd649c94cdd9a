-- SPDX-License-Identifier: Apache-2.0
-- Copyright the rbdcrypt authors
--
-- A dissector of KMIP requests for tshark, which has none: one message is one packet of the link
-- type USER0. It walks TTLV strictly (KMIP 1.4, section 9.1) and takes nothing on trust: each item
-- must have the type of its tag, the length of its type and padding of zeros, and fill its parent
-- with its siblings to the last byte. What is wrong is a field ttlv.error.
local ttlv = Proto("ttlv", "KMIP request")
local item_field = ProtoField.string("ttlv.item", "Item")
local error_field = ProtoField.string("ttlv.error", "Error")
ttlv.fields = { item_field, error_field }

local STRUCTURE, BOOLEAN, TEXT = 0x01, 0x06, 0x07
local HEADER, MAX_DEPTH = 8, 16
local REQUEST_MESSAGE = 0x420078

-- Type -> bytes of its value where they are fixed, false where they are not.
local LENGTHS = {
  [0x01] = false, [0x02] = 4, [0x03] = 8, [0x04] = false, [0x05] = 4,
  [0x06] = 8, [0x07] = false, [0x08] = false, [0x09] = 8, [0x0A] = 4,
}

-- Tag -> { name, type } of all that this client may send, in versions 1.0 to 2.0.
local TAGS = {
  [0x420078] = { "Request Message", 0x01 },
  [0x420077] = { "Request Header", 0x01 },
  [0x420069] = { "Protocol Version", 0x01 },
  [0x42006A] = { "Protocol Version Major", 0x02 },
  [0x42006B] = { "Protocol Version Minor", 0x02 },
  [0x42000D] = { "Batch Count", 0x02 },
  [0x42000F] = { "Batch Item", 0x01 },
  [0x42005C] = { "Operation", 0x05 },
  [0x420093] = { "Unique Batch Item ID", 0x08 },
  [0x420079] = { "Request Payload", 0x01 },
  [0x420074] = { "Query Function", 0x05 },
  [0x420094] = { "Unique Identifier", 0x07 },
  [0x42002B] = { "Cryptographic Parameters", 0x01 },
  [0x420011] = { "Block Cipher Mode", 0x05 },
  [0x42005F] = { "Padding Method", 0x05 },
  [0x420028] = { "Cryptographic Algorithm", 0x05 },
  [0x42002A] = { "Cryptographic Length", 0x02 },
  [0x42002C] = { "Cryptographic Usage Mask", 0x02 },
  [0x4200CD] = { "IV Length", 0x02 },
  [0x4200CE] = { "Tag Length", 0x02 },
  [0x4200C2] = { "Data", 0x08 },
  [0x42003D] = { "IV/Counter/Nonce", 0x08 },
  [0x4200FE] = { "Authenticated Encryption Additional Data", 0x08 },
  [0x4200FF] = { "Authenticated Encryption Tag", 0x08 },
  [0x420042] = { "Key Format Type", 0x05 },
  [0x420057] = { "Object Type", 0x05 },
  [0x420091] = { "Template-Attribute", 0x01 },
  [0x420008] = { "Attribute", 0x01 },
  [0x42000A] = { "Attribute Name", 0x07 },
  [0x42000B] = { "Attribute Value", nil }, -- of the attribute's type
  [0x420125] = { "Attributes", 0x01 },
  [0x42013B] = { "Attribute Reference", 0x05 },
  [0x420053] = { "Name", 0x01 },
  [0x420055] = { "Name Value", 0x07 },
  [0x420054] = { "Name Type", 0x05 },
  [0x420081] = { "Revocation Reason", 0x01 },
  [0x420082] = { "Revocation Reason Code", 0x05 },
  [0x420080] = { "Revocation Message", 0x07 },
}

local function padded(length)
  return math.ceil(length / 8) * 8
end

local function is_zero(range)
  return range:bytes():tohex():match("^0*$") ~= nil
end

local function has_nul(range)
  for i = 0, range:len() - 1 do
    if range(i, 1):uint() == 0 then
      return true
    end
  end
  return false
end

-- What is wrong with the value of an item that is no structure, or nil.
local function value_error(kind, value, length)
  if kind == BOOLEAN then
    local bytes = value(0, 8):bytes():tohex()
    if bytes ~= "0000000000000000" and bytes ~= "0000000000000001" then
      return "a boolean that is neither 0 nor 1"
    end
  elseif kind == TEXT and has_nul(value(0, length)) then
    return "a text with a NUL"
  end
  if padded(length) > length and not is_zero(value(length, padded(length) - length)) then
    return "padding that is not zero"
  end
  return nil
end

-- What is wrong with the header of an item in a buffer that ends with its parent, or nil.
local function header_error(tag, kind, length, rest, depth)
  local known = TAGS[tag]
  if known == nil then
    return string.format("unknown tag %06X", tag)
  elseif depth > MAX_DEPTH then
    return "nested too deeply"
  elseif LENGTHS[kind] == nil then
    return string.format("unknown type %02X", kind)
  elseif known[2] ~= nil and known[2] ~= kind then
    return string.format("%s with type %02X", known[1], kind)
  elseif LENGTHS[kind] and LENGTHS[kind] ~= length then
    return string.format("%s of %d bytes", known[1], length)
  elseif HEADER + padded(length) > rest then
    return known[1] .. " that goes beyond its parent"
  elseif kind == STRUCTURE and length % 8 ~= 0 then
    return known[1] .. " of a length that no items have"
  end
  return nil
end

-- Walks the items that fill `buffer`; true where all of them are right.
local function walk(buffer, tree, depth)
  local offset = 0
  while offset < buffer:len() do
    local rest = buffer:len() - offset
    if rest < HEADER then
      tree:add(error_field, buffer(offset), "a header that is cut off")
      return false
    end
    local tag, kind = buffer(offset, 3):uint(), buffer(offset + 3, 1):uint()
    local length = buffer(offset + 4, 4):uint()
    local wrong = header_error(tag, kind, length, rest, depth)
    if wrong then
      tree:add(error_field, buffer(offset, HEADER), wrong)
      return false
    end
    local branch = tree:add(item_field, buffer(offset, HEADER + padded(length)), TAGS[tag][1])
    if length > 0 then
      local value = buffer(offset + HEADER, padded(length))
      wrong = kind ~= STRUCTURE and value_error(kind, value, length)
      if wrong then
        branch:add(error_field, value, wrong)
        return false
      end
      if kind == STRUCTURE and not walk(value:tvb(), branch, depth + 1) then
        return false
      end
    end
    offset = offset + HEADER + padded(length)
  end
  return true
end

function ttlv.dissector(buffer, _, tree)
  local root = tree:add(ttlv, buffer())
  local first = buffer:len() >= HEADER and buffer(0, 3):uint() or 0
  if first ~= REQUEST_MESSAGE then
    root:add(error_field, buffer(), "no request message")
  elseif HEADER + buffer(4, 4):uint() ~= buffer:len() then
    root:add(error_field, buffer(), "more or less than one message")
  else
    walk(buffer, root, 1)
  end
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, ttlv)
