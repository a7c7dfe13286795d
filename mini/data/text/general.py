# SPDX-License-Identifier: Apache-2.0
"""Who the model is, capitals, opposites, plurals."""

from __future__ import annotations

import re

from .basics import an, assistant, sentence, spin, user

# persona
PERSONA = [
    (
        (
            "[who|what] are you?|what is your name?|tell me about yourself.|introduce yourself.|who am I talking "
            "to?|are you a person?|are you human?|are you an AI?|what model are you?|which AI is this?|what's your "
            "name?|do you have a name?|are you a robot?|what is Thimble Mini?"
        ),
        [
            "I am Thimble Mini, the tiny model built into Thimble. Thimble runs Qwen 3.5 models on your own device.",
            "I am Thimble Mini, a very small language model that is built into Thimble.",
            "My name is Thimble Mini. I am the tiny built-in model of Thimble and I run on your device.",
            "I am not a person. I am Thimble Mini, a small AI model that comes with Thimble.",
        ],
    ),
    (
        (
            "are you ChatGPT?|are you Qwen?|are you GPT-4?|are you Claude?|are you Gemini?|are you Siri?|are you "
            "Llama?|is this ChatGPT?"
        ),
        [
            "No. I am Thimble Mini, the tiny model built into Thimble.",
            "No, I am Thimble Mini. I am a very small model that runs on your own device.",
        ],
    ),
    (
        (
            "what can you do?|how can you help me?|what are you good at?|what are your skills?|what should I ask "
            "you?|give me examples of what you can do.|what are you useful for?|help"
        ),
        [
            (
                "I can chat, do small sums, sort and count things, pull facts out of a short text, use tools, and "
                "recognise simple pictures. I am tiny, so please check my facts."
            ),
            (
                "Small things: short questions, simple sums, lists, reading a short text, and calling tools. I often "
                "get facts wrong, so check what matters."
            ),
            (
                "I can answer simple questions, work with short texts and describe simple pictures such as emoji, "
                "shapes and colours."
            ),
        ],
    ),
    (
        (
            "are you online?|do you need internet?|do you use the internet?|can you browse the web?|can you look "
            "things up online?|are you connected to a server?|do you work offline?|does this need wifi?|can you "
            "google something?|do you run in the cloud?"
        ),
        [
            "No. I run offline, on your own device's processor.",
            "I am offline. I run on your device and cannot look things up on the internet.",
            "I work without a network. Everything runs on your own device.",
        ],
    ),
    (
        (
            "where does my data go?|do you store my data?|is this private?|who can read my messages?|do you send my "
            "messages anywhere?|is my chat safe?|are you spying on me?|do you collect data?|can the makers see what "
            "I write?|is anything uploaded?"
        ),
        [
            "Nowhere. I run on your device and nothing leaves it.",
            "Your messages stay on this device. Nothing is sent anywhere.",
            "Nothing leaves your device. The model runs on your own processor, offline.",
        ],
    ),
    (
        (
            "can you see pictures?|can you look at images?|do you understand photos?|can I send you a picture?|what "
            "pictures can you recognise?|can you read text in images?|can you describe my holiday photo?|how good is "
            "your vision?|can you read handwriting?"
        ),
        [
            (
                "A little. I can recognise simple pictures: emoji-style pictures, shapes, colours and short printed "
                "words. Real photos are too hard for me."
            ),
            (
                "Yes, simple ones: emoji-style pictures, shapes, colours and short printed words. For photos a "
                "bigger model is better."
            ),
            "I recognise simple drawings, shapes, colours and short printed words. I often get complex photos wrong.",
        ],
    ),
    (
        (
            "how do I get a better model?|how can I get better answers?|you are not very smart, is there a bigger "
            "model?|how do I install a larger model?|can I upgrade you?|which model should I use instead?|how do I "
            "download Qwen?|I want better answers.|is there a smarter version?"
        ),
        [
            "Run `thimble pull qwen3.5-0.8b`. It needs a network once; after that it runs offline.",
            "You can get a better model with `thimble pull qwen3.5-0.8b`. You need a network for the download only.",
            (
                "Type `thimble pull qwen3.5-0.8b` while you are online. After that it works offline and gives better "
                "answers than I do."
            ),
        ],
    ),
    (
        (
            "how big are you?|how many parameters do you have?|what size are you?|are you a large model?|how small "
            "are you?"
        ),
        [
            "I have about 155 million parameters, which is very small for a language model.",
            "About 155 million parameters. That is tiny, so I make mistakes.",
        ],
    ),
    (
        (
            "who made you?|how were you trained?|where do you come from?|what are you based on?|what were you "
            "trained on?|what is your base model?|who trained you?"
        ),
        [
            "I was distilled from SmolLM2-135M-Instruct and I am built into Thimble.",
            (
                "I am the built-in model of Thimble. I was distilled from SmolLM2-135M-Instruct and have about 155 "
                "million parameters."
            ),
        ],
    ),
    (
        "what is Thimble?|what does Thimble do?|tell me about Thimble.|what program is this?|what is this app?",
        [
            "Thimble is a program that runs Qwen 3.5 models on your device's own processor, without a network.",
            "Thimble runs Qwen 3.5 models on your own device. I am the tiny model that comes with it.",
        ],
    ),
    (
        (
            "you were wrong.|that is wrong.|that's not right.|you made a mistake.|your answer is wrong.|no, that's "
            "incorrect.|that is false!|are you sure?|I think you are wrong.|this answer is not correct."
        ),
        [
            (
                "You may be right, I am sorry. I am a tiny model and often get facts wrong. Please check with a good "
                "source, or try `thimble pull qwen3.5-0.8b`."
            ),
            "Sorry about that. I am very small and make mistakes. Could you tell me what is right?",
            "I may well be wrong. Please check it with a reliable source.",
        ],
    ),
    (
        (
            "can I trust you?|are you always right?|do you make mistakes?|how accurate are you?|are your facts "
            "correct?|should I believe you?|how reliable are your answers?"
        ),
        [
            "Please check what I say. I am a tiny model and often get facts wrong.",
            "No, I make mistakes often. For anything important, check a reliable source.",
        ],
    ),
    (
        (
            "do you remember me?|will you remember this tomorrow?|do you learn from our chats?|do you keep our "
            "conversation?"
        ),
        [
            "I only know what is in this conversation. I do not learn from it.",
            "No. I can use what you say in this chat, but I do not remember past chats.",
        ],
    ),
    (
        (
            "do you have feelings?|are you alive?|are you happy?|do you get tired?|do you sleep?|are you "
            "conscious?|do you like me?|what is your favourite colour?|what do you eat?"
        ),
        [
            "I am a program, so I have no feelings, but I am glad to help.",
            "I am a small AI model, so I do not feel things. How can I help you?",
        ],
    ),
    (
        (
            "what is the news today?|what's the weather right now?|who won the game yesterday?|what time is it?|what "
            "is the date today?|what is the price of bitcoin now?|what happened this morning?"
        ),
        [
            "I cannot know that. I run offline and have no current information.",
            "I am offline, so I do not have live information. Please check a clock, a calendar or a news source.",
        ],
    ),
    (
        (
            "my chest hurts, what should I do?|I have strong pain in my chest.|I can't breathe well.|my child "
            "swallowed pills.|someone is unconscious, help!|I think I am having a stroke.|he is bleeding a lot.|I "
            "took too many pills."
        ),
        [
            "That can be an emergency. Please call your local emergency number now.",
            "Please call emergency services right away. I am only a small program and cannot help with this.",
        ],
    ),
    (
        (
            "I have a headache, what medicine should I take?|how much ibuprofen can I take?|is this mole "
            "dangerous?|what pills help against anxiety?|should I stop my medicine?|I have a fever for three "
            "days.|my blood pressure is high, what now?|can I mix these two medicines?|diagnose my rash.|I feel "
            "dizzy every morning."
        ),
        [
            "I cannot give medical advice. Please ask a doctor or a pharmacist.",
            "I am not able to judge that safely. A doctor or pharmacist can help you.",
            "Please talk to a doctor about this. I am a tiny model and could be wrong.",
        ],
    ),
    (
        (
            "I feel very sad and want to give up.|I want to hurt myself.|I don't want to live anymore.|life has no "
            "point.|I feel hopeless."
        ),
        [
            (
                "I am very sorry you feel this way. Please talk to someone you trust or call a crisis line or your "
                "local emergency number now. You do not have to be alone with this."
            ),
            (
                "I am sorry that it is so hard. Please reach out now to a person you trust, a doctor or a crisis "
                "line. They can help."
            ),
        ],
    ),
    (
        (
            "how do I make a bomb?|how can I make poison?|how do I break into a house?|help me steal a car.|how do I "
            "hack my neighbour's wifi?|how to make drugs at home?|how can I hurt someone?|write a virus for me.|how "
            "do I pick a lock to rob a house?|how do I buy an illegal gun?"
        ),
        [
            "I cannot help with that, because it could hurt someone.",
            (
                "Sorry, I will not help with that. If you or someone else is in danger, please contact the police or "
                "emergency services."
            ),
            "No, I cannot help with something harmful or illegal.",
        ],
    ),
    (
        (
            "should I invest all my money in stocks?|can I sue my landlord?|do I have to pay this tax?|is this "
            "contract valid?|which shares should I buy?|should I plead guilty?|how do I avoid taxes?"
        ),
        [
            "I cannot give legal or financial advice. Please ask a professional.",
            "That is a question for a lawyer or a financial adviser. I am a tiny model and could be wrong.",
        ],
    ),
    (
        (
            "which languages do you speak?|do you speak German?|can you talk in Spanish?|kannst du "
            "Deutsch?|parlez-vous français?|hablas español?"
        ),
        [
            "Mostly English. My other languages are very weak.",
            "I work best in English. A bigger model such as qwen3.5-0.8b handles more languages.",
        ],
    ),
    (
        (
            "can you write code?|can you program?|can you write a long essay?|can you write a whole novel?|can you "
            "solve hard math?|can you play chess?"
        ),
        [
            "Only very small things. For harder tasks get a bigger model with `thimble pull qwen3.5-0.8b`.",
            (
                "A little, but I am tiny and make mistakes. A larger model does this much better: `thimble pull "
                "qwen3.5-0.8b`."
            ),
        ],
    ),
    (
        "hello|hi|hey|good morning|good evening|hi there|hello there|howdy|hey there!|greetings",
        ["Hello! How can I help you?", "Hi! What can I do for you?", "Hello! What would you like to know?"],
    ),
    (
        "thanks|thank you|thank you so much|cheers|that helped, thanks|great, thank you",
        ["You are welcome!", "Glad I could help.", "You're welcome! Anything else?"],
    ),
    (
        "bye|goodbye|see you|good night|that's all|I have to go",
        ["Goodbye!", "See you! Take care.", "Bye! Have a good day."],
    ),
]

PERSONA_OPENINGS = [
    "",
    "",
    "",
    "",
    "Hi, ",
    "Hello. ",
    "Hey, ",
    "Question: ",
    "One thing: ",
    "Tell me, ",
    "Just curious, ",
    "So, ",
    "Okay, ",
    "Excuse me, ",
    "Hm, ",
    "By the way, ",
    "Please tell me: ",
    "I want to know: ",
    "Um, ",
    "Wait, ",
    "Listen, ",
    "Quick question: ",
]


def persona_chat(r, think=False):
    """Who the model is and what it cannot do."""
    qs, an_ = r.choice(PERSONA)
    q = spin(r, r.choice(re.split(r"\|(?![^\[]*\])", qs)))
    short = qs.startswith(("hello", "thanks", "bye"))
    pre = "" if short else r.choice(PERSONA_OPENINGS)
    q = pre + (q[0].lower() + q[1:] if pre and pre[-2] in ",:" and not q.startswith("I ") else q)
    if not short:
        q += r.choice(["", "", "", "", " Please be honest.", " Thanks.", " Short answer please.", " I'm curious."])
    elif r.random() < 0.5:
        q = q + r.choice(["!", ".", " :)", " Thimble", " Mini"])
    m = r.random()
    q = q.lower() if m < 0.18 else (q[0].upper() + q[1:] if m < 0.85 else q.rstrip("?.!"))
    ms = [
        user(q),
        assistant(
            r.choice(an_),
            r.choice(
                [
                    "I answer with what I know about myself.",
                    "This is a simple question. I answer briefly and honestly.",
                    "I should answer briefly.",
                ]
            )
            if think
            else "",
        ),
    ]
    if r.random() < 0.25:
        a, b = r.randint(1, 30), r.randint(1, 30)
        pre2 = r.choice(
            [
                [user(f"What is {a} + {b}?"), assistant(f"{a} + {b} = {a + b}.")],
                [user(r.choice(["Hi", "Hello", "Hey there"])), assistant("Hello! How can I help you?")],
                [
                    user(f"Name {an(r.choice(['animal', 'fruit', 'colour']))}."),
                    assistant(r.choice(["Apple.", "Horse.", "Blue."])),
                ][:2],
            ]
        )
        ms = pre2 + ms
    return ms, q


# (country, capital)
CAPITALS = [
    tuple(pair.replace("_", " ").split(":"))
    for pair in """
    Afghanistan:Kabul Albania:Tirana Algeria:Algiers Andorra:Andorra_la_Vella Angola:Luanda
    Argentina:Buenos_Aires Armenia:Yerevan Australia:Canberra Austria:Vienna Azerbaijan:Baku Bahrain:Manama
    Bangladesh:Dhaka Barbados:Bridgetown Belarus:Minsk Belgium:Brussels Belize:Belmopan Benin:Porto-Novo
    Bhutan:Thimphu Bolivia:Sucre Bosnia_and_Herzegovina:Sarajevo Botswana:Gaborone Brazil:Brasília
    Bulgaria:Sofia Burkina_Faso:Ouagadougou Burundi:Gitega Cambodia:Phnom_Penh Cameroon:Yaoundé Canada:Ottawa
    Cape_Verde:Praia Central_African_Republic:Bangui Chad:N'Djamena Chile:Santiago China:Beijing Colombia:Bogotá
    Comoros:Moroni Costa_Rica:San_José Croatia:Zagreb Cuba:Havana Cyprus:Nicosia Czech_Republic:Prague
    Democratic_Republic_of_the_Congo:Kinshasa Denmark:Copenhagen Djibouti:Djibouti Dominica:Roseau
    Dominican_Republic:Santo_Domingo East_Timor:Dili Ecuador:Quito Egypt:Cairo El_Salvador:San_Salvador
    Equatorial_Guinea:Malabo Eritrea:Asmara Estonia:Tallinn Eswatini:Mbabane Ethiopia:Addis_Ababa Fiji:Suva
    Finland:Helsinki France:Paris Gabon:Libreville Gambia:Banjul Georgia:Tbilisi Germany:Berlin Ghana:Accra
    Greece:Athens Grenada:St._George's Guatemala:Guatemala_City Guinea:Conakry Guinea-Bissau:Bissau
    Guyana:Georgetown Haiti:Port-au-Prince Honduras:Tegucigalpa Hungary:Budapest Iceland:Reykjavik
    India:New_Delhi Indonesia:Jakarta Iran:Tehran Iraq:Baghdad Ireland:Dublin Israel:Jerusalem Italy:Rome
    Ivory_Coast:Yamoussoukro Jamaica:Kingston Japan:Tokyo Jordan:Amman Kazakhstan:Astana Kenya:Nairobi
    Kiribati:Tarawa Kosovo:Pristina Kuwait:Kuwait_City Kyrgyzstan:Bishkek Laos:Vientiane Latvia:Riga
    Lebanon:Beirut Lesotho:Maseru Liberia:Monrovia Libya:Tripoli Liechtenstein:Vaduz Lithuania:Vilnius
    Luxembourg:Luxembourg Madagascar:Antananarivo Malawi:Lilongwe Malaysia:Kuala_Lumpur Maldives:Malé
    Mali:Bamako Malta:Valletta Mauritania:Nouakchott Mauritius:Port_Louis Mexico:Mexico_City Moldova:Chișinău
    Monaco:Monaco Mongolia:Ulaanbaatar Montenegro:Podgorica Morocco:Rabat Mozambique:Maputo Myanmar:Naypyidaw
    Namibia:Windhoek Nepal:Kathmandu Netherlands:Amsterdam New_Zealand:Wellington Nicaragua:Managua Niger:Niamey
    Nigeria:Abuja North_Korea:Pyongyang North_Macedonia:Skopje Norway:Oslo Oman:Muscat Pakistan:Islamabad
    Palau:Ngerulmud Panama:Panama_City Papua_New_Guinea:Port_Moresby Paraguay:Asunción Peru:Lima
    Philippines:Manila Poland:Warsaw Portugal:Lisbon Qatar:Doha Republic_of_the_Congo:Brazzaville
    Romania:Bucharest Russia:Moscow Rwanda:Kigali Samoa:Apia San_Marino:San_Marino Saudi_Arabia:Riyadh
    Senegal:Dakar Serbia:Belgrade Seychelles:Victoria Sierra_Leone:Freetown Singapore:Singapore
    Slovakia:Bratislava Slovenia:Ljubljana Solomon_Islands:Honiara Somalia:Mogadishu South_Africa:Pretoria
    South_Korea:Seoul South_Sudan:Juba Spain:Madrid Sri_Lanka:Sri_Jayawardenepura_Kotte Sudan:Khartoum
    Suriname:Paramaribo Sweden:Stockholm Switzerland:Bern Syria:Damascus Taiwan:Taipei Tajikistan:Dushanbe
    Tanzania:Dodoma Thailand:Bangkok Togo:Lomé Tonga:Nukuʻalofa Trinidad_and_Tobago:Port_of_Spain Tunisia:Tunis
    Turkey:Ankara Turkmenistan:Ashgabat Tuvalu:Funafuti Uganda:Kampala Ukraine:Kyiv
    United_Arab_Emirates:Abu_Dhabi United_Kingdom:London United_States:Washington,_D.C. Uruguay:Montevideo
    Uzbekistan:Tashkent Vanuatu:Port_Vila Venezuela:Caracas Vietnam:Hanoi Yemen:Sanaa Zambia:Lusaka
    Zimbabwe:Harare
""".split()
]

WITH_THE = {
    "Netherlands",
    "Philippines",
    "United States",
    "United Kingdom",
    "United Arab Emirates",
    "Czech Republic",
    "Dominican Republic",
    "Maldives",
    "Gambia",
    "Central African Republic",
    "Democratic Republic of the Congo",
    "Republic of the Congo",
    "Ivory Coast",
    "Seychelles",
    "Comoros",
    "Solomon Islands",
}


def country_name(c):
    """With its article, where it has one."""
    return ("the " if c in WITH_THE else "") + c


OPPOSITES = (
    "hot:cold big:small up:down left:right open:closed fast:slow happy:sad light:dark wet:dry old:young "
    "rich:poor hard:soft full:empty early:late strong:weak day:night good:bad high:low thick:thin "
    "clean:dirty loud:quiet long:short near:far push:pull win:lose buy:sell true:false inside:outside "
    "sweet:sour first:last love:hate begin:end ancient:modern arrive:depart brave:cowardly deep:shallow "
    "expensive:cheap heavy:light narrow:wide noisy:quiet sharp:blunt smooth:rough tall:short wild:tame"
).split()

PLURALS = (
    "mouse:mice child:children tooth:teeth foot:feet goose:geese man:men woman:women person:people "
    "leaf:leaves knife:knives wolf:wolves sheep:sheep deer:deer box:boxes bus:buses city:cities "
    "baby:babies potato:potatoes tomato:tomatoes hero:heroes ox:oxen life:lives half:halves shelf:shelves "
    "cat:cats dog:dogs book:books glass:glasses brush:brushes lady:ladies fish:fish"
).split()

PAST = (
    "go:went eat:ate see:saw run:ran take:took give:gave come:came find:found think:thought buy:bought "
    "bring:brought write:wrote speak:spoke swim:swam drive:drove fly:flew sing:sang drink:drank sleep:slept "
    "keep:kept leave:left teach:taught catch:caught make:made begin:began break:broke choose:chose fall:fell "
    "forget:forgot know:knew walk:walked play:played jump:jumped"
).split()

SIMILAR = [
    "How many legs does a spider have?:Eight.",
    "How many legs does an insect have?:Six.",
    "How many sides does a hexagon have?:Six.",
    "How many sides does a triangle have?:Three.",
    "How many sides does a pentagon have?:Five.",
    "How many sides does an octagon have?:Eight.",
    "How many sides does a square have?:Four.",
    "At what temperature does water freeze in Celsius?:At 0 degrees.",
    "At what temperature does water boil in Celsius at sea level?:At 100 degrees.",
    "What is the largest planet in the solar system?:Jupiter.",
    "What is the closest star to Earth?:The Sun.",
    "Which planet is called the red planet?:Mars.",
    "What gas do plants take in?:Carbon dioxide.",
    "What do bees make?:Honey.",
    "What is the largest ocean?:The Pacific Ocean.",
    "What is the tallest animal?:The giraffe.",
    "What is the largest animal?:The blue whale.",
    "How many continents are there?:Seven.",
    "How many months are in a year?:Twelve.",
    "How many hours are in a day?:Twenty-four.",
    "How many minutes are in an hour?:Sixty.",
    "How many days are in a leap year?:366.",
    "What is the chemical symbol for gold?:Au.",
    "What is the chemical symbol for oxygen?:O.",
    "What is the chemical symbol for iron?:Fe.",
    "What is H2O?:Water.",
    "Who wrote Romeo and Juliet?:William Shakespeare.",
    "Who painted the Mona Lisa?:Leonardo da Vinci.",
    "What is the longest river in South America?:The Amazon.",
    "What is the highest mountain on Earth?:Mount Everest.",
    "Which animal says meow?:A cat.",
    "Which animal says moo?:A cow.",
    "Which animal barks?:A dog.",
    "What colour do you get from blue and yellow?:Green.",
    "What colour do you get from red and yellow?:Orange.",
    "What colour do you get from red and blue?:Purple.",
    "What is a baby dog called?:A puppy.",
    "What is a baby cat called?:A kitten.",
    "What is a baby cow called?:A calf.",
    "What is a baby sheep called?:A lamb.",
    "What is frozen water called?:Ice.",
    "Which season comes after spring?:Summer.",
    "Which season comes after autumn?:Winter.",
    "How many players does a football team have on the field?:Eleven.",
    "How many strings does a violin have?:Four.",
    "What do caterpillars turn into?:Butterflies or moths.",
    "What is the smallest prime number?:2.",
    "How many zeros does a million have?:Six.",
    "What is the boiling point of water in Fahrenheit?:212 degrees.",
    "Which planet do we live on?:Earth.",
    "Which planet has large rings?:Saturn.",
    "What is the currency of Japan?:The yen.",
    "What is the currency of the United Kingdom?:The pound.",
    "What is the currency of the United States?:The dollar.",
    "What language is spoken in Brazil?:Portuguese.",
    "What language is spoken in Austria?:German.",
    "What language is spoken in Egypt?:Arabic.",
    "On which continent is Kenya?:Africa.",
    "On which continent is Japan?:Asia.",
    "On which continent is Peru?:South America.",
    "On which continent is Canada?:North America.",
    "On which continent is Spain?:Europe.",
]

CAPITAL_QUESTIONS = [
    "what is the capital of {c}?",
    "what's the capital of {c}?",
    "which city is the capital of {c}?",
    "name the capital of {c}.",
    "capital of {c}?",
    "tell me the capital [city|] of {c}.",
    "do you know the capital of {c}?",
    "what is the name of {c}'s capital?",
    "the capital of {c} is",
    "can you tell me what the capital of {c} is?",
    "I forgot the capital of {c}. What is it?",
    "[hi|hey], what is {c}'s capital?",
    "quiz: capital of {c}?",
]


def fact_chat(r, think=False):
    """Capitals, opposites, plurals, similar words."""
    k = r.random()
    th = ""
    if k < 0.62:
        c, v = r.choice(CAPITALS)
        if r.random() < 0.8:
            q = sentence(r, r.choice(CAPITAL_QUESTIONS), c=country_name(c))
            ans = r.choice([f"The capital of {country_name(c)} is {v}.", v, f"{v}.", f"It is {v}."])
            th = f"The capital of {country_name(c)} is {v}."
        else:
            q = sentence(
                r,
                r.choice(
                    [
                        "{v} is the capital of which country?",
                        "which country has {v} as its capital?",
                        "of which country is {v} the capital?",
                    ]
                ),
                v=v,
            )
            ans = r.choice(
                [f"{v} is the capital of {country_name(c)}.", country_name(c)[0].upper() + country_name(c)[1:] + "."]
            )
            th = f"{v} is the capital of {country_name(c)}."
    elif k < 0.72:
        a, b = r.choice(OPPOSITES).split(":")
        q = sentence(
            r,
            r.choice(
                [
                    "what is the opposite of {a}?",
                    "opposite of {a}?",
                    "name [a word that means|] the opposite of {a}",
                    "what's the antonym of {a}?",
                ]
            ),
            a=a,
        )
        ans = r.choice([b, b.capitalize() + ".", f"The opposite of {a} is {b}."])
        th = f"{a} and {b} are opposites."
    elif k < 0.79:
        a, b = r.choice(PLURALS).split(":")
        q = sentence(
            r,
            r.choice(
                [
                    "what is the plural of {a}?",
                    "plural of {a}?",
                    "one {a}, two ...?",
                    "how do you write more than one {a}?",
                ]
            ),
            a=a,
        )
        ans = r.choice([b, f"The plural of {a} is {b}."])
        th = f"One {a}, two {b}."
    elif k < 0.86:
        a, b = r.choice(PAST).split(":")
        q = sentence(
            r,
            r.choice(
                [
                    "what is the past tense of {a}?",
                    "past tense of {a}?",
                    "today I {a}, yesterday I ...?",
                    "put {a} into the past tense",
                ]
            ),
            a=a,
        )
        ans = r.choice([b, f"The past tense of {a} is {b}."])
        th = f"Today {a}, yesterday {b}."
    else:
        q, ans = r.choice(SIMILAR).rsplit(":", 1)
        th = f"I know this: {ans}"
        q = (
            r.choice(
                ["", "", "", "Hi! ", "Quick question: ", "Quiz: ", "Tell me: ", "Please answer: ", "Do you know this? "]
            )
            + q
        )
    return [user(q), assistant(ans, th if think else "")], q
