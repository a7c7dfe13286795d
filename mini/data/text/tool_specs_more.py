# SPDX-License-Identifier: Apache-2.0
"""More tools, and what they are asked for (tool_specs.py has the first ones; their order is part of what a seed
draws).
"""

from __future__ import annotations

from .basics import DAYS, NAMES, THING, WORDS, join
from .extraction import compact_json
from .tool_specs import (
    SPECS,
    city,
    date,
    email,
    file_name,
    integer,
    name,
    one_of,
    parameter,
    spec,
    thing,
    time_of_day,
    topic,
)


def ok(extra=lambda a, r: {}):
    return lambda a, r: (
        lambda e: (compact_json({"status": "ok", **e}) if r.random() < 0.7 else ("ok" if not e else compact_json(e)), e)
    )(extra(a, r))


spec(
    "add_event create_event calendar_add schedule_event",
    "Add an event to the calendar.",
    {
        "t": parameter("title summary name", "string", "Title of the event", topic),
        "d": parameter("date day", "string", "Date as YYYY-MM-DD", date),
        "h": parameter("time start_time", "string", "Start time HH:MM", time_of_day, False),
    },
    [
        "put {t} in my calendar on {d}",
        "[add|schedule|plan] {t} [for|on] {d} at {h}",
        "I have {t} on {d} at {h}, please save it",
        "new event: {t}, {d}",
    ],
    ok(),
    ["I added {t} on {d}.", "Done. {t} is in your calendar for {d}.", "{t} is now planned for {d}."],
)

spec(
    "list_events get_calendar events_on calendar_day",
    "List calendar events of a day.",
    {"d": parameter("date day", "string", "Date as YYYY-MM-DD", date)},
    [
        "what do I have on {d}?",
        "[show|list] my [events|appointments] [for|on] {d}",
        "am I busy on {d}?",
        "what is in my calendar for {d}?",
    ],
    lambda a, r: (lambda e, t: (r.choice([compact_json([{"title": e, "time": t}]), f"{t} {e}"]), {"e": e, "t": t}))(
        topic(r), time_of_day(r)
    ),
    ["On {d} you have {e} at {t}.", "There is one event: {e} at {t}.", "Your calendar for {d}: {t} {e}."],
)

spec(
    "send_email email_send mail compose_email",
    "Send an email.",
    {
        "to": parameter("to recipient address", "string", "Email address", email),
        "s": parameter("subject title", "string", "Subject line", topic),
        "b": parameter(
            "body message text",
            "string",
            "Text of the email",
            one_of(
                "See you tomorrow.",
                "The file is ready.",
                "Thanks for your help.",
                "I will be late.",
                "Can we talk on Monday?",
                "Please call me back.",
            ),
        ),
    },
    [
        "send an email to {to} about {s}: {b}",
        'email {to}, subject {s}, text "{b}"',
        "[write|send] {to} a mail with the subject {s} saying {b}",
    ],
    ok(),
    ["The email to {to} was sent.", "Done, I sent your message about {s} to {to}.", "Sent to {to}."],
)

spec(
    "send_message text_contact message_send sms",
    "Send a short text message to a contact.",
    {
        "n": parameter("contact name person to", "string", "Contact name", name),
        "m": parameter(
            "message text body content",
            "string",
            "Message text",
            one_of(
                "I am on my way",
                "Call me later",
                "Happy birthday!",
                "Dinner is ready",
                "See you at six",
                "Can you buy milk?",
                "The meeting is moved",
                "Good luck today",
            ),
        ),
    },
    ["[text|message] {n}: {m}", 'tell {n} "{m}"', "send {n} a message saying {m}", "let {n} know: {m}"],
    ok(),
    ["I sent your message to {n}.", "Message sent to {n}.", "Done. {n} got: {m}"],
)

spec(
    "play_music music_play start_song play",
    "Play music.",
    {
        "q": parameter(
            "query song artist genre",
            "string",
            "What to play",
            one_of(
                "jazz",
                "Mozart",
                "rock",
                "piano music",
                "the Beatles",
                "rain sounds",
                "salsa",
                "lullabies",
                "Vivaldi",
                "blues",
            ),
        ),
        "v": parameter("volume level", "integer", "Volume from 0 to 100", integer(5, 100), False),
    },
    ["play [some|] {q}", "put on {q} at volume {v}", "I want to hear {q}", "[start|play] {q}[, please|]"],
    ok(),
    ["Playing {q}.", "{q} is playing now.", "Enjoy {q}."],
)

spec(
    "set_light light_control lights switch_light",
    "Switch a light on or off.",
    {
        "r": parameter(
            "room area where",
            "string",
            "Room",
            one_of("kitchen", "bedroom", "hall", "office", "garage", "bathroom", "living room"),
        ),
        "o": parameter("on state enabled", "boolean", "true for on, false for off", one_of(True, False)),
    },
    [],
    ok(),
    ["The {r} light is {oo}.", "Done, {r} light {oo}.", "I switched the {r} light {oo}."],
)

spec(
    "set_temperature thermostat set_heating climate_set",
    "Set the room temperature.",
    {
        "r": parameter("room zone", "string", "Room", one_of("kitchen", "bedroom", "hall", "office", "living room")),
        "t": parameter("degrees temperature target", "number", "Temperature in Celsius", integer(15, 25)),
    },
    [
        "set the {r} to {t} degrees",
        "[make|heat] the {r} {t} degrees",
        "I want {t} degrees in the {r}",
        "thermostat {r} {t}",
    ],
    ok(),
    ["The {r} is set to {t} degrees.", "Done. The {r} target is {t} degrees."],
)

spec(
    "add_item shopping_add list_add add_to_list",
    "Add items to a list.",
    {
        "l": parameter(
            "list list_name", "string", "Name of the list", one_of("shopping", "todo", "packing", "party", "work")
        ),
        "i": parameter(
            "items entries things", "array", "Items to add", lambda r: r.sample([x[1] for x in THING], r.randint(1, 3))
        ),
    },
    ["add {i} to [my|the] {l} list", "put {i} on the {l} list", "[my|the] {l} list needs {i}"],
    ok(),
    ["I added {i} to your {l} list.", "Done: {i} {isare} on the {l} list.", "Your {l} list now has {i}."],
)

spec(
    "translate translate_text translator",
    "Translate text into a language.",
    {
        "t": parameter(
            "text phrase sentence",
            "string",
            "Text to translate",
            one_of(
                "good morning",
                "thank you",
                "where is the station?",
                "I am hungry",
                "see you soon",
                "how much is it?",
                "happy birthday",
                "the bill, please",
            ),
        ),
        "l": parameter(
            "language target target_language",
            "string",
            "Target language",
            one_of("French", "German", "Spanish", "Italian", "Japanese", "Polish", "Dutch"),
        ),
    },
    ['translate "{t}" [to|into] {l}', 'how do you say "{t}" in {l}?', 'what is "{t}" in {l}?'],
    lambda a, r: (lambda s: (r.choice([s, compact_json({"translation": s})]), {"s": s}))(
        {
            ("good morning", "French"): "bonjour",
            ("good morning", "German"): "guten Morgen",
            ("good morning", "Spanish"): "buenos días",
            ("thank you", "French"): "merci",
            ("thank you", "German"): "danke",
            ("thank you", "Spanish"): "gracias",
            ("thank you", "Italian"): "grazie",
            ("thank you", "Polish"): "dziękuję",
            ("thank you", "Dutch"): "dank je",
            ("thank you", "Japanese"): "arigatou",
        }.get((a["t"], a["l"]), "".join(r.choice(["la", "mi", "to", "re", "sa", "ne", "ko", "li"]) for _ in range(3)))
    ),
    ["In {l}: {s}", '"{t}" in {l} is "{s}".', 'The translation is "{s}".'],
)

spec(
    "define_word dictionary_lookup lookup_word",
    "Look up the meaning of a word.",
    {"w": parameter("word term entry", "string", "The word", lambda r: r.choice(WORDS))},
    ["look up [the word|] {w}", "what does the dictionary say about {w}?", "[define|get the definition of] {w}"],
    lambda a, r: (lambda s: (r.choice([s, compact_json({"definition": s})]), {"s": s}))(
        r.choice(
            [
                "a thing used at home",
                "something found in nature",
                "a word used in everyday talk",
                "an object or idea people often mention",
            ]
        )
    ),
    ["{w}: {s}.", "The dictionary says {w} is {s}."],
)

spec(
    "get_stock_price stock_quote share_price",
    "Get the latest price of a share.",
    {
        "s": parameter(
            "symbol ticker code",
            "string",
            "Ticker symbol",
            one_of("AAPL", "MSFT", "TSLA", "NVDA", "IBM", "INTC", "SAP", "SONY", "F", "KO"),
        )
    },
    ["what is {s} trading at?", "[price|quote] of {s}[?|]", "how is {s} doing?", "get the {s} share price"],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"price": v, "currency": "USD"})]), {"v": v}))(
        round(r.uniform(5, 700), 2)
    ),
    ["{s} is at {v} dollars.", "The latest price of {s} is {v}."],
)

spec(
    "convert_currency exchange currency",
    "Convert an amount of money.",
    {
        "a": parameter("amount value sum", "number", "Amount", integer(1, 900)),
        "f": parameter("from source base", "string", "Currency code", one_of("EUR", "USD", "GBP", "JPY")),
        "t": parameter("to target quote", "string", "Currency code", one_of("CHF", "SEK", "CAD", "AUD", "INR")),
    },
    ["convert {a} {f} to {t}", "how much is {a} {f} in {t}?", "{a} {f} in {t}?"],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"result": v})]), {"v": v}))(
        round(a["a"] * r.choice([0.95, 1.5, 11.2, 1.1, 83.4]), 2)
    ),
    ["{a} {f} is {v} {t}.", "That is {v} {t}."],
)

spec(
    "roll_dice dice throw_dice",
    "Roll dice.",
    {
        "n": parameter("count dice number", "integer", "How many dice", integer(1, 6)),
        "s": parameter("sides faces", "integer", "Sides per die", one_of(4, 6, 8, 10, 12, 20)),
    },
    ["roll {n} dice with {s} sides", "[throw|roll] {n} d{s}", "give me {n} rolls of a {s}-sided die"],
    lambda a, r: (
        lambda v: (
            r.choice([compact_json(v), compact_json({"rolls": v, "total": sum(v)})]),
            {"v": join(map(str, v)), "k": sum(v)},
        )
    )([r.randint(1, a["s"]) for _ in range(a["n"])]),
    ["You rolled {v}, total {k}.", "The dice show {v}. The sum is {k}."],
)

spec(
    "random_number pick_number rng",
    "Pick a random whole number in a range.",
    {
        "a": parameter("min low start", "integer", "Lowest value", integer(0, 20)),
        "b": parameter("max high end", "integer", "Highest value", integer(30, 999)),
    },
    [
        "pick a [random|] number between {a} and {b}",
        "random number from {a} to {b}",
        "give me a number from {a} to {b}",
    ],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"number": v})]), {"v": v}))(r.randint(a["a"], a["b"])),
    ["Your number is {v}.", "{v}", "I got {v}."],
)

spec(
    "find_contact contact_lookup phonebook",
    "Find the phone number of a contact.",
    {"n": parameter("name contact person", "string", "Name", name)},
    [
        "what is {n}'s [phone number|number]?",
        "find {n} in my contacts",
        "I need the number of {n}",
        "how can I call {n}?",
    ],
    lambda a, r: (lambda v: (r.choice([v, compact_json({"name": a["n"], "phone": v})]), {"v": v}))(
        f"555-{r.randint(1000, 9999)}"
    ),
    ["{n}'s number is {v}.", "You can reach {n} at {v}."],
)

spec(
    "track_parcel package_status parcel_tracker",
    "Track a parcel.",
    {
        "c": parameter(
            "code tracking_number parcel_id",
            "string",
            "Tracking code",
            lambda r: r.choice("ABCDXYZ") + r.choice("PQRS") + str(r.randint(10000, 99999)),
        )
    },
    ["where is my parcel {c}?", "track {c}", "what is the status of package {c}?", "has {c} arrived [yet|]?"],
    lambda a, r: (lambda v: (r.choice([v, compact_json({"status": v})]), {"v": v}))(
        r.choice(["in transit", "delivered", "at the depot", "out for delivery", "waiting for pickup"])
    ),
    ["Parcel {c} is {v}.", "The status of {c} is: {v}."],
)

spec(
    "book_table reserve_table restaurant_booking",
    "Book a table in a restaurant.",
    {
        "p": parameter("people guests party_size", "integer", "Number of people", integer(1, 10)),
        "r": parameter(
            "restaurant place venue",
            "string",
            "Restaurant",
            one_of("Bella Roma", "Golden Wok", "Le Petit Coin", "Green Garden", "Casa Sol", "The Old Mill"),
        ),
        "t": parameter("time hour", "string", "Time HH:MM", time_of_day),
    },
    [
        "book a table for {p} at {r} at {t}",
        "reserve {r} for {p} people, {t}",
        "I want to eat at {r} at {t} with {p} people in total",
    ],
    ok(lambda a, r: {"booking": r.randint(100, 999)}),
    ["Your table for {p} at {r} is booked for {t}.", "Done. {r}, {t}, {p} people. The booking number is {booking}."],
)

spec(
    "get_route directions route_plan",
    "Plan a route between two places.",
    {
        "a": parameter("start origin from", "string", "Start", city),
        "b": parameter("end destination to", "string", "Destination", city),
        "m": parameter(
            "mode transport by", "string", "car, train, bike or foot", one_of("car", "train", "bike"), False
        ),
    },
    [
        "how do I get from {a} to {b}?",
        "route from {a} to {b} by {m}",
        "[plan|find] a trip from {a} to {b}[.|, please]",
        "how far is it from {a} to {b}?",
    ],
    lambda a, r: (
        lambda k, h: (r.choice([compact_json({"km": k, "hours": h}), f"{k} km, {h} hours"]), {"k": k, "h": h})
    )(r.randint(40, 1900), r.randint(1, 20)),
    ["From {a} to {b} it is {k} km and takes about {h} hours.", "The trip is {k} km, about {h} hours."],
)

spec(
    "list_files ls directory_list",
    "List the files in a folder.",
    {
        "p": parameter(
            "folder path directory",
            "string",
            "Folder",
            one_of("Documents", "Downloads", "Pictures", "Music", "/tmp", "work", "school"),
        )
    },
    ["what [files|] is in [my|the] {p} [folder|]?", "list [the files in|] {p}", "show me what's in {p}"],
    lambda a, r: (lambda v: (r.choice([compact_json(v), "\n".join(v)]), {"v": join(v)}))(
        [file_name(r) for _ in range(r.randint(1, 4))]
    ),
    ["The {p} folder has {v}.", "I found {v}."],
)

spec(
    "write_file save_file create_file",
    "Write text to a file.",
    {
        "f": parameter("filename path file", "string", "File name", file_name),
        "t": parameter(
            "text content body",
            "string",
            "Text to write",
            one_of(
                "Buy milk and eggs.",
                "Call the bank.",
                "Meeting at noon.\nBring the plans.",
                "Hello world",
                "Draft one\nDraft two",
            ),
        ),
    },
    ['save "{t}" to {f}', 'write "{t}" into {f}', 'create {f} with the text "{t}"'],
    ok(),
    ["I saved the text to {f}.", "Done. {f} is written."],
)

spec(
    "count_words word_count text_stats",
    "Count the words of a text.",
    {"t": parameter("text input content", "string", "The text", lambda r: " ".join(r.sample(WORDS, r.randint(3, 9))))},
    ["count the words in: {t}", 'how many words are in "{t}"?', 'word count of "{t}"'],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"words": v})]), {"v": v}))(len(a["t"].split())),
    ["The text has {v} words.", "{v} words."],
)

spec(
    "get_recipe recipe_search find_recipe",
    "Find a recipe.",
    {
        "d": parameter(
            "dish meal name",
            "string",
            "Dish",
            one_of("pancakes", "lasagne", "tomato soup", "curry", "apple pie", "fried rice", "omelette", "pizza"),
        ),
        "n": parameter("servings people portions", "integer", "Servings", integer(1, 8), False),
    },
    ["find a recipe for {d}", "how do I make {d} for {n} people?", "I want to cook {d}", "recipe: {d}"],
    lambda a, r: (lambda m, i: (compact_json({"minutes": m, "main_ingredient": i}), {"m": m, "i": i}))(
        r.randint(10, 90), r.choice(["eggs", "flour", "tomatoes", "rice", "apples", "cheese"])
    ),
    [
        "The {d} take about {m} minutes. The main ingredient is {i}.",
        "I found a recipe for {d}: {m} minutes, main ingredient {i}.",
    ],
)

spec(
    "water_plant plant_care irrigate",
    "Water a plant.",
    {
        "p": parameter("plant pot id", "string", "Plant", one_of("basil", "fern", "cactus", "orchid", "tomato", "ivy")),
        "m": parameter("ml amount millilitres", "integer", "Amount of water in ml", lambda r: 50 * r.randint(1, 12)),
    },
    ["give the {p} {m} ml of water", "water the {p} with {m} ml", "the {p} needs {m} ml"],
    ok(),
    ["I gave the {p} {m} ml of water.", "The {p} got {m} ml."],
)

spec(
    "log_run add_workout record_exercise",
    "Log a workout.",
    {
        "k": parameter(
            "kind sport activity", "string", "Kind of exercise", one_of("run", "swim", "walk", "ride", "row")
        ),
        "d": parameter(
            "km distance kilometres",
            "number",
            "Distance in km",
            lambda r: r.choice([r.randint(1, 40), round(r.uniform(1, 20), 1)]),
        ),
    },
    ["log a {d} km {k}", "I did a {k} of {d} km today, [save|log] it", "[record|note] my {k}: {d} kilometres"],
    ok(lambda a, r: {"week_total_km": r.randint(40, 90)}),
    ["Logged: {d} km {k}.", "Your {k} of {d} km is saved."],
)

spec(
    "get_balance account_balance bank_balance",
    "Get the balance of an account.",
    {
        "a": parameter(
            "account account_name", "string", "Account", one_of("savings", "checking", "travel", "business", "joint")
        )
    },
    ["how much [money|] is in my {a} account?", "balance of [my|the] {a} account", "what's my {a} balance?"],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"balance": v, "currency": "EUR"})]), {"v": v}))(
        r.randint(10, 9000)
    ),
    ["Your {a} account has {v} euros.", "The balance is {v} euros."],
)

spec(
    "movie_info film_lookup get_movie",
    "Look up a film.",
    {
        "t": parameter(
            "title film name",
            "string",
            "Film title",
            one_of("The Blue Door", "Night Harbor", "Seven Clocks", "The Last Orchard", "Paper Moons", "Silent River"),
        )
    },
    ["who directed {t}?", "[tell me|what is known] about the film {t}[.|?]", "look up the movie {t}"],
    lambda a, r: (lambda n, y: (compact_json({"director": n, "year": y}), {"n": n, "y": y}))(
        name(r) + " " + r.choice(["Stone", "Rivera", "Holm", "Adler", "Okafor"]), r.randint(1950, 2024)
    ),
    ["{t} was directed by {n} in {y}.", "{t} is from {y}, directed by {n}."],
)

spec(
    "check_spelling spellcheck spell_check",
    "Check the spelling of a word.",
    {
        "w": parameter(
            "word text token",
            "string",
            "Word",
            lambda r: (lambda w: w[:2] + w[3:] if len(w) > 5 else w + w[-1])(r.choice(WORDS)),
        )
    },
    ["is {w} spelled right?", "check the spelling of {w}", "spell check {w}"],
    lambda a, r: (compact_json({"correct": False, "suggestion": "see dictionary"}), {}),
    ["No, {w} is not spelled correctly.", "{w} is misspelled."],
)

spec(
    "get_sunset sunset_time sun_times",
    "Get the sunset time for a city and date.",
    {
        "c": parameter("city place location", "string", "City", city),
        "d": parameter("date day", "string", "Date YYYY-MM-DD", date),
    },
    ["when does the sun set in {c} on {d}?", "sunset [time|] in {c} on {d}", "on {d}, when is sunset in {c}?"],
    lambda a, r: (lambda v: (r.choice([v, compact_json({"sunset": v})]), {"v": v}))(
        f"{r.randint(16, 22)}:{r.randint(10, 59)}"
    ),
    ["The sun sets in {c} at {v} on {d}.", "Sunset in {c} is at {v}."],
)

spec(
    "open_app launch_app start_program",
    "Open an app on the device.",
    {
        "a": parameter(
            "app name program",
            "string",
            "App name",
            one_of("camera", "calendar", "browser", "music", "maps", "mail", "calculator", "settings"),
        )
    },
    ["open [the|my|] {a} [app|]", "[start|launch] {a}", "I want to use the {a} app"],
    ok(),
    ["The {a} app is open.", "I opened {a}."],
)

spec(
    "set_alarm alarm wake_up",
    "Set an alarm.",
    {
        "t": parameter("time at when", "string", "Time HH:MM", time_of_day),
        "d": parameter(
            "days repeat weekdays",
            "array",
            "Days on which it repeats",
            lambda r: r.sample(DAYS, r.randint(1, 3)),
            False,
        ),
    },
    ["wake me [up|] at {t}", "set an alarm for {t}", "alarm at {t} on {d}", "I must get up at {t}"],
    ok(),
    ["Your alarm is set for {t}.", "Done. The alarm will ring at {t}."],
)

spec(
    "create_task add_task todo_new",
    "Create a task.",
    {
        "t": parameter(
            "title task what",
            "string",
            "What to do",
            one_of(
                "call the bank",
                "water the plants",
                "pay the rent",
                "buy stamps",
                "fix the bike",
                "clean the oven",
                "book a flight",
                "return the books",
            ),
        ),
        "p": parameter(
            "priority urgency level", "string", "low, medium or high", one_of("low", "medium", "high"), False
        ),
    },
    [
        "add a task: {t}",
        "remind me to {t}",
        "new [todo|task]: {t}, priority {p}",
        "I have to {t}, put it on my tasks with {p} priority",
    ],
    ok(lambda a, r: {"id": r.randint(10, 99)}),
    ["I added the task: {t}.", 'Done. "{t}" is on your list.'],
)

spec(
    "get_inventory stock_level check_stock",
    "How many pieces of a product are in stock.",
    {
        "p": parameter("product item article", "string", "Product", thing),
        "w": parameter(
            "warehouse store site", "string", "Warehouse", one_of("north", "south", "east", "west", "main"), False
        ),
    },
    [
        "how many {p} units [are in stock|do we have]?",
        "check [the|] stock of {p}",
        "is {p} in stock in the {w} warehouse?",
        "stock level: {p}, {w}",
    ],
    lambda a, r: (lambda v: (r.choice([f"{v}", compact_json({"in_stock": v})]), {"v": v}))(r.randint(0, 400)),
    ["There are {v} in stock.", "The stock of {p} is {v}."],
)

spec(
    "query_database run_query db_count",
    "Count rows of a table where a column has a value.",
    {
        "t": parameter("table source", "string", "Table", one_of("orders", "users", "books", "tickets", "payments")),
        "c": parameter("column field", "string", "Column", one_of("status", "country", "type", "year")),
        "v": parameter("value equals", "string", "Value", one_of("open", "closed", "France", "new", "2024")),
    },
    ["how many {t} have {c} {v}?", "count the {t} where {c} is {v}", "number of {t} with {c} = {v}"],
    lambda a, r: (lambda n: (r.choice([f"{n}", compact_json({"count": n})]), {"n": n}))(r.randint(0, 5000)),
    ["{n} {t} have {c} {v}.", "The count is {n}."],
)

spec(
    "resize_image image_resize scale_picture",
    "Resize an image.",
    {
        "f": parameter(
            "file image path",
            "string",
            "Image file",
            one_of("cat.png", "photo.jpg", "logo.png", "beach.jpg", "scan.png"),
        ),
        "w": parameter("width w", "integer", "Width in pixels", one_of(100, 200, 320, 640, 800)),
        "h": parameter("height h", "integer", "Height in pixels", one_of(100, 240, 480, 600)),
    },
    ["resize {f} to {w} by {h}", "make {f} {w} x {h} pixels", "scale {f} to {w}x{h}"],
    ok(),
    ["{f} is now {w} by {h} pixels.", "Done, I resized {f} to {w}x{h}."],
)

spec(
    "join_call start_meeting video_call",
    "Start a call with people.",
    {
        "p": parameter("people participants with", "array", "Names", lambda r: r.sample(NAMES, r.randint(1, 3))),
        "v": parameter("video camera", "boolean", "Whether video is on", one_of(True, False), False),
    },
    ["call {p}", "start a call with {p}", "[I want to|let me] talk to {p}"],
    ok(),
    ["The call with {p} is starting.", "Calling {p}."],
)

spec(
    "get_tides tide_table tides",
    "Get the time of the next high tide at a port.",
    {
        "h": parameter(
            "harbor port place", "string", "Port", one_of("Dover", "Brest", "Halifax", "Cuxhaven", "Bergen", "Galway")
        )
    },
    ["when is high tide in {h}?", "next high tide at {h}", "tides in {h}?"],
    lambda a, r: (lambda v: (r.choice([v, compact_json({"high_tide": v})]), {"v": v}))(time_of_day(r)),
    ["High tide in {h} is at {v}.", "The next high tide is at {v}."],
)

spec(
    "brew_coffee coffee_machine make_coffee",
    "Make coffee.",
    {
        "k": parameter("kind type drink", "string", "Drink", one_of("mocha", "latte", "cappuccino", "flat white")),
        "s": parameter("sugar spoons", "integer", "Spoons of sugar", integer(0, 4)),
        "m": parameter("milk with_milk", "boolean", "Add milk", one_of(True, False), False),
    },
    ["make [me|] a {k} with {s} sugar", "one {k}, {s} spoons of sugar", "brew a {k}, sugar {s}"],
    ok(),
    ["Your {k} is on its way.", "A {k} with {s} sugar is being made."],
)

spec(
    "get_definition_of_rule policy_lookup find_rule",
    "Look up a house rule by topic.",
    {
        "t": parameter(
            "topic subject rule",
            "string",
            "Topic",
            one_of("parking", "pets", "noise", "laundry", "guests", "bikes", "trash", "heating"),
        )
    },
    ["what is the rule [on|about|for] {t}?", "look up the {t} rule", "what do the house rules say about {t}?"],
    lambda a, r: (lambda s: (r.choice([s, compact_json({"rule": s})]), {"s": s}))(
        r.choice(
            [
                f"Not allowed after {time_of_day(r)}.",
                f"Ask {name(r)} first.",
                f"Only on {r.choice(DAYS)}.",
                f"Costs {r.randint(2, 30)} euros a month.",
            ]
        )
    ),
    ["The rule for {t}: {s}", "About {t} the rules say: {s}"],
)

spec(
    "battery_status device_battery power_level",
    "Get the battery level of the device.",
    {},
    [
        "how much battery [is left|do I have]?",
        "battery [level|status]?",
        "do I need to charge [my device|]?",
        "what is my battery at?",
        "is the battery low?",
        "check the battery",
        "tell me the battery percentage",
    ],
    lambda a, r: (lambda v: (r.choice([f"{v}%", compact_json({"percent": v})]), {"v": v}))(r.randint(3, 100)),
    ["The battery is at {v}%.", "You have {v}% left."],
)

spec(
    "list_timers active_timers show_timers",
    "List running timers.",
    {},
    [
        "which timers are running?",
        "[list|show] my timers",
        "how long is left on my timer?",
        "are any timers on?",
        "what timers do I have?",
    ],
    lambda a, r: (lambda v, l: (compact_json([{"label": l, "minutes_left": v}]), {"v": v, "l": l}))(
        r.randint(1, 50), r.choice(["tea", "pasta", "laundry"])
    ),
    ["One timer is running: {l}, {v} minutes left.", "The {l} timer has {v} minutes left."],
)

SPECS[12]["reqs"] = None  # light: built below
