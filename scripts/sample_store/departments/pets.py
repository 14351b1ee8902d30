"""Pets: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Barkleigh", 1.1, "Barkleigh sends every design to a shelter first."),
    brand("Whiskerton", 1.0, "Whiskerton is owned by a vet and four cats."),
    brand("Pawsmere", 0.8, "Pawsmere sells by the thousand and keeps it cheap."),
    brand("Tailwynd", 1.3, "Tailwynd guarantees against chewing, once."),
)

DOG_BED = product(
    "dog_bed", "Dogs/Dog Beds", (25, 150), "gray|brown|navy|beige|green",
    slots={"size": "S|M|L|XL"},
    kinds=(
        kind("donut", "Donut Dog Bed|Calming Dog Bed", 0.8,
             "A fluffy ring to curl up in, which settles anxious pups during fireworks.",
             "Raised edges give a chin something to rest on.",
             purposes=("A soft round bed that calms nervous and anxious dogs.", "Gives frightened dogs and puppies a feeling of safety.")),
        kind("ortho", "Orthopedic Dog Bed|Memory Foam Dog Bed", 1.4,
             "Thick foam takes the load off stiff hips and elbows of older companions.",
             "Your old friend gets up more easily in the morning after a night on this.",
             purposes=("A joint-friendly bed for old dogs with arthritis or hip problems.", "Relieves painful joints of senior dogs.")),
        kind("travel", "Travel Dog Mat|Roll-Up Dog Bed", 0.6,
             "Rolls up like a sleeping mat for pubs, trains and weekend cottages.",
             "Home smells travel along when the mat does.",
             purposes=("A portable dog bed for travel and visits.", "A rollable mat for dogs on the go.")),
        kind("raised", "Raised Dog Cot|Elevated Dog Bed", 0.9,
             "Air passes underneath, so thick-coated breeds keep cool on a hot terrace.",
             "A taut cloth on a steel frame, off the cold floor and simple to hose down.",
             purposes=("A raised bed that keeps dogs cool and dry outdoors.", "For dogs that rest on the terrace or when camping.")),
    ),
    features=(
        feature("wash", "Washable", "The cover unzips and survives weekly washing.", "Mud and hair come out at 60 degrees."),
        feature("chew", "Chew-Resistant", "Ripstop fabric discourages diggers and chewers.", "Puppy teeth find nothing to grip."),
        feature("water", "Waterproof", "A sealed liner protects the foam from accidents.", "Wet paws and little mishaps do not soak in.", kinds="ortho travel donut"),
        feature("grip", "Nonslip", "A rubber base stops it sliding across the parquet.", "It stays where you put it, even after a flying leap."),
    ),
    uses=("From dachshund to Dane, there is a size.", "May free up your sofa, no promises.", "Cats will try to claim it."),
    facts=("Size {size}.", "The filling is recycled."),
    pairs="leash pet_bowl",
)

SCRATCHER = product(
    "scratcher", "Cats/Scratchers & Cat Trees", (15, 160), "beige|gray|white|natural|brown",
    slots={"size": "60 cm|90 cm|120 cm|160 cm"},
    kinds=(
        kind("tree", "Cat Tree|Cat Tower", 1.5,
             "Platforms, a cave and a lookout: a whole vertical world for indoor climbers.",
             "From the top perch one can look down on everyone, as is proper.",
             purposes=("A climbing and sleeping tower for cats.", "Gives indoor cats a place to climb, sleep and scratch.")),
        kind("post", "Scratching Post|Sisal Post", 0.6,
             "Rough sisal takes the claws that would otherwise meet your couch.",
             "Tall enough for a full stretch, heavy enough not to tip.",
             purposes=("A scratching pole that keeps cats from clawing sofas and carpets.", "Protects furniture from cats' claws.")),
        kind("lounge", "Cardboard Scratcher|Scratch Lounge", 0.4,
             "Layers of cardboard to shred, nap on and shred again.",
             "Curved like a chaise longue, with catnip in the box.",
             purposes=("A cardboard scratching board that saves your sofa from cats' claws.", "Cats scratch and sleep on it and leave the furniture alone."),
             slots={"size": "45 cm|55 cm|65 cm"}),
        kind("window", "Window Perch|Cat Hammock", 0.6,
             "Suction cups hold a sunny seat at the pane, so the birds can be supervised.",
             "A hammock for nine kilos of purring in the afternoon light.",
             purposes=("A window bed for cats who like to look outside.", "A sunny sleeping place for cats at the window."),
             slots={"size": "40 cm|55 cm"}),
    ),
    features=(
        feature("stable", "Tip-Proof", "A wide base and a wall strap stand up to running jumps.", "Even two kittens at full speed do not knock it over.", kinds="tree post"),
        feature("refill", "Refillable", "Worn parts are replaced one at a time.", "Turn it over when one side is done.", kinds="post lounge tree"),
        feature("plush", "Plush", "Covered in fleece that invites kneading.", "Soft pads on each level for the nap between naps.", kinds="tree window"),
        feature("small", "Space-Saving", "Fits in a corner of a small apartment.", "Takes up hardly any floor."),
    ),
    uses=("Saves furniture and nerves.", "Keeps indoor animals fit and amused.", "Even the grumpy one came round after three days."),
    facts=("Height or length {size}.", "Holds animals up to 9 kg."),
    pairs="pet_bowl",
)

LEASH = product(
    "leash", "Dogs/Leashes & Harnesses", (10, 60), "red|navy|black|orange|brown|purple",
    slots={"size": "S|M|L"},
    kinds=(
        kind("leash", "Dog Leash|Braided Leash", 0.7,
             "Two meters of soft braid with a handle that does not burn when a squirrel appears.",
             "Simple, strong, and pleasant to hold on wet mornings.",
             purposes=("A sturdy lead for walking your dog.", "An everyday lead for dogs of all sizes.")),
        kind("harness", "No-Pull Harness|Dog Harness", 1.1,
             "A ring on the chest turns pullers around instead of choking them.",
             "Spreads the load over the ribs, so walks stop being a tug of war.",
             purposes=("A harness for dogs that pull on the leash.", "Makes walking with a strong, pulling dog easier.")),
        kind("retract", "Retractable Leash|Flexible Leash", 0.9,
             "Five meters of freedom and a brake under your thumb.",
             "Lets a curious nose wander and reels it back in at the road.",
             purposes=("An extending lead that gives dogs more freedom.", "A leash that rolls up by itself.")),
        kind("led", "LED Collar|Light-Up Collar", 0.7,
             "Shines all the way round, so you know where your companion is in a dark park.",
             "Visible from 300 meters on late rounds.",
             purposes=("A glowing collar that makes dogs visible at night.", "Safety for dogs on walks in the dark.")),
    ),
    features=(
        feature("reflect", "Reflective", "Stitching lights up in headlights.", "Reflective threads for winter walks.", kinds="leash harness retract"),
        feature("pad", "Padded", "Neoprene padding prevents chafing under the legs.", "Soft lining that does not rub fur off.", kinds="harness leash"),
        feature("water", "Waterproof", "Swims, dries in minutes and never smells.", "Salt water and mud rinse straight off.", kinds="leash led harness"),
        feature("quick", "Quick-Release", "One click and it is on, even on wrigglers.", "The buckle opens with cold fingers."),
    ),
    uses=("Trainers hand it out to beginners.", "For walks from breakfast to bedtime.", "Puppy today, bear tomorrow: it adjusts."),
    facts=("Sizes from S to L; this is {size}.", "Tested at 120 kg of pull."),
    pairs="dog_bed",
)

PET_BOWL = product(
    "pet_bowl", "Feeding/Bowls & Feeders", (9, 95), "white|gray|blue|black|mint",
    slots={"size": "0.4 l|0.8 l|1.5 l|2 l"},
    kinds=(
        kind("bowl", "Ceramic Pet Bowl|Steel Pet Bowl", 0.5,
             "A heavy dish that stays put while it is being licked clean.",
             "Wide and shallow, so whiskers do not touch the sides.",
             purposes=("A stable food and water bowl for dogs and cats.", "A simple food dish for pets.")),
        kind("slow", "Slow Feeder|Puzzle Bowl", 0.6,
             "Ridges make gulpers work for each bite, and stomachs are grateful.",
             "Dinner takes ten minutes now, where it used to take thirty seconds.",
             purposes=("A food bowl that slows down dogs and cats who eat too fast.", "Prevents greedy pets from gulping their food.")),
        kind("fountain", "Pet Water Fountain|Drinking Fountain", 1.2,
             "Running water tempts fussy cats to drink more, which their kidneys need.",
             "A quiet trickle through a charcoal filter, all day.",
             purposes=("A drinking fountain with fresh flowing water for cats and dogs.", "Encourages cats to drink more water.")),
        kind("auto", "Automatic Feeder|Timed Pet Feeder", 1.6,
             "Serves breakfast at six so that nobody has to sit on your face.",
             "Portions kibble up to six times a day while you are at work.",
             purposes=("Feeds cats and dogs automatically at set times while you are out.", "A programmable food dispenser for pets."),
             slots={"size": "3 l|4 l|6 l"}),
    ),
    features=(
        feature("camera", "Camera", "Look in from the office and say hello.", "A lens and a speaker let you check that all is well at home.", kinds="auto"),
        feature("clean", "Dishwasher-Safe", "Dishwasher-proof, every piece of it.", "Hygienic and quick to rinse."),
        feature("quiet", "Quiet", "The pump is too soft to hear from the sofa.", "No humming at night.", kinds="fountain auto"),
        feature("nonslip", "Nonslip", "A silicone ring keeps it from touring the kitchen.", "Rubber feet hold it in place."),
    ),
    uses=("For one animal or two that get along.", "Looks decent next to your own dishes.", "Makes sitting easier for the neighbors."),
    facts=("Holds {size}.", "Free of BPA."),
    pairs="dog_bed scratcher",
)

DEPARTMENT = Department("Pets", "PET", BRANDS, (DOG_BED, SCRATCHER, LEASH, PET_BOWL))
